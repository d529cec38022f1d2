"use strict";

// The scripts of these pages are no modules, because a page opened from the disk may not import
// any. Declarations of one are visible in those after it.

// Resolves with the text in a script beside the page; a page opened from the disk may not fetch.
function load(url) {
  return new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = url;
    script.onload = () => {
      resolve(script.value);
      script.remove();
    };
    script.onerror = () => {
      script.remove();
      reject(new Error(`${url} could not be loaded.`));
    };
    document.head.append(script);
  });
}
