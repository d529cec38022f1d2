"use strict";

// Controls a player by the spectrograms of its sounds: a click goes there and chooses that sound, a
// drag selects a part to loop. All spectrograms in the element `clip` show the position and the
// selection through its style.

function followSpectrograms(clip, player) {
  const share = (seconds) => seconds / player.seconds;
  player.addEventListener("time", () => clip.style.setProperty("--at", share(player.time)));
  player.addEventListener("change", () => {
    clip.classList.toggle("looping", player.selection !== null);
    clip.style.setProperty("--from", share(player.selection?.from ?? 0));
    clip.style.setProperty("--to", share(player.selection?.to ?? 0));
  });
}

function workBySpectrogram(picture, player, number) {
  const DRAG = 6; // pixels; less is a click by an unsteady hand
  let start = null;
  const place = (event) => {
    const { left, width } = picture.getBoundingClientRect();
    const share = (event.clientX - left) / width;
    return Math.min(Math.max(share, 0), 1) * player.seconds;
  };
  const dragged = (event) => start !== null && Math.abs(event.clientX - start.x) >= DRAG;
  const select = (event) => {
    const end = place(event);
    player.select({ from: Math.min(start.place, end), to: Math.max(start.place, end) });
  };
  picture.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    start = { x: event.clientX, place: place(event) };
    picture.setPointerCapture(event.pointerId);
  });
  picture.addEventListener("pointermove", (event) => {
    picture.classList.toggle("dragging", dragged(event));
  });
  picture.addEventListener("pointerup", (event) => {
    if (start === null) return;
    player.choose(number);
    if (dragged(event)) select(event);
    else player.seek(start.place);
    start = null;
    picture.classList.remove("dragging");
  });
  picture.addEventListener("pointercancel", () => { // by a scroll
    start = null;
    picture.classList.remove("dragging");
  });
}
