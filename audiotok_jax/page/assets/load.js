"use strict";

// The scripts of these pages are plain ones and no modules, because a page on the file system may
// not import modules. What one declares, those after it see.

// Resolves with the text that a script beside the page holds. Such a page may not fetch, either.
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
