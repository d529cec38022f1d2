"use strict";

// One player at a time. Events of media do not bubble, but they are captured.
document.addEventListener("play", ({ target }) => {
  for (const player of document.querySelectorAll("audio")) {
    if (player !== target) player.pause();
  }
}, true);

for (const block of document.querySelectorAll("details[data-tokens]")) {
  const button = block.querySelector("button");
  const status = block.querySelector("[role=status]");
  const text = block.querySelector("pre");
  button.addEventListener("click", async () => {
    status.textContent = "";
    status.textContent = (await copy(text)) ? "Copied" : "Selected: copy with Ctrl+C";
  });
  block.addEventListener("toggle", () => load(block.dataset.tokens).then((tokens) => {
    text.textContent = tokens;
    button.disabled = false;
  }, () => {
    text.textContent = `${block.dataset.tokens} could not be loaded.`;
  }), { once: true });
}

// A page on the file system may not fetch, but it may run scripts that lie beside it.
function load(url) {
  return new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = url;
    script.onload = () => resolve(script.tokens);
    script.onerror = reject;
    document.head.append(script);
  });
}

async function copy(element) {
  try {
    await navigator.clipboard.writeText(element.textContent);
    return true;
  } catch { // not over plain http, where there is no such clipboard
    getSelection().selectAllChildren(element);
    return document.execCommand("copy");
  }
}
