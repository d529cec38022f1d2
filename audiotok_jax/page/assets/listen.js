"use strict";

// The listening page: a transport, spectrograms and tokens for each clip.

document.querySelectorAll("article").forEach((article, number) => {
  const { sounds, seconds } = PAGE.clips[number];
  const player = new Player(sounds, seconds);
  new Transport(article.querySelector(".bar"), player, PAGE.columns, article);
  followSpectrograms(article, player);
  article.querySelectorAll(".column").forEach((column, version) => {
    const { tokens, rate } = sounds[version];
    workBySpectrogram(column.querySelector(".picture"), player, version);
    const mark = () => column.classList.toggle("chosen", player.chosen === version);
    player.addEventListener("change", mark);
    mark();
    if (tokens) {
      new TokenStrip(column.querySelector(".strip"), player, tokens, rate);
      openTokens(column.querySelector("details"), tokens);
    }
  });
});

document.getElementById("matched").addEventListener("change", ({ target }) => {
  Player.matched = target.checked;
  Player.current?.level();
});
