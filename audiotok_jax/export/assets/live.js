"use strict";

// The page: one clip at a time, which comes from the microphone, a file, or tokens.

const SHOWN = 400; // tokens
const find = (id) => document.getElementById(id);
const { about } = MODEL;
const codec = new Codec();
const sound = new Sound(about.sample_rate);
const pictures = Object.fromEntries(
  ["original", "decoded"].map((id) => [id, new Spectrogram(find(id).querySelector("canvas"))]),
);

let clip = null;
let work = Promise.resolve(); // of the queued steps
let stopRecording = null;

class Clip {
  constructor() {
    this.original = []; // pieces, Int16Array
    this.tokens = [];
    this.decoded = []; // pieces, Float32Array
    this.samples = 0;
    this.encoding = 0; // milliseconds
    this.decoding = 0;
  }

  sound(id) {
    const wave = joined([id === "original" ? new Int16Array(0) : new Float32Array(0), ...this[id]]);
    return id === "original" ? wave : wave.subarray(0, this.samples);
  }
}

function say(text, wrong = false) {
  find("status").textContent = text;
  find("status").classList.toggle("wrong", wrong);
}

// Queues a step; an error is shown, and ends the clip.
function then(step) {
  const mine = clip;
  work = work
    .then(() => (mine === clip ? step() : null))
    .catch((error) => {
      halt();
      say(error.message, true);
      ready(true);
    });
  return work;
}

function ready(now) {
  find("record").disabled = find("file").disabled = !now;
  const empty = !now || !clip?.decoded.length;
  find("save-tokens").disabled = empty;
  for (const id of ["original", "decoded"]) {
    const none = empty || (id === "original" && !clip.original.length);
    for (const button of find(id).querySelectorAll("button")) button.disabled = none;
  }
}

function show() {
  const seconds = clip.samples / about.sample_rate;
  const rate = (about.sample_rate / about.hop_length) * about.bits;
  const speed = (ms) => {
    if (!ms) return "–";
    return `${(ms / 1000).toFixed(2)} s, ${((1000 * seconds) / ms).toFixed(1)} × real time`;
  };
  find("tokens").textContent = clip.tokens.slice(-SHOWN).join(" ");
  find("tokens").scrollTop = find("tokens").scrollHeight;
  find("seconds").textContent = `${seconds.toFixed(2)} s`;
  find("count").textContent = clip.tokens.length;
  find("bitrate").textContent = `${rate / 1000} kbit/s`;
  find("encoding").textContent = speed(clip.encoding);
  find("decoding").textContent = speed(clip.decoding);
}

function begin() {
  sound.stop();
  clip = new Clip();
  Object.values(pictures).forEach((picture) => picture.clear());
  ready(false);
  show();
  then(async () => {
    await codec.ask("startEncoding");
    await codec.ask("startDecoding");
  });
}

async function decode(kind, tokens) {
  const { wave, ms } = await codec.ask(kind, { tokens });
  clip.decoding += ms;
  clip.decoded.push(wave);
  pictures.decoded.push(wave);
  if (stopRecording && find("monitor").checked) sound.follow(wave);
}

async function encode(kind, samples) {
  const { tokens, ms } = await codec.ask(kind, { samples });
  clip.encoding += ms;
  for (const token of tokens) clip.tokens.push(token);
  await decode("decode", tokens);
  show();
}

// Appends samples from -1 to 1 to the clip.
function take(wave) {
  then(async () => {
    const samples = toInt16(wave);
    clip.original.push(samples);
    clip.samples += samples.length;
    pictures.original.push(wave);
    await encode("encode", samples);
  });
}

function finish() {
  return then(async () => {
    if (!clip.samples) throw new Error("There is no sound in it.");
    await encode("finishEncoding");
    await decode("finishDecoding");
    show();
    say("Done. Listen to both.");
    ready(true);
  });
}

// Ends a recording if there is one.
function halt() {
  stopRecording?.();
  stopRecording = null;
  find("record").textContent = "Record";
  find("record").setAttribute("aria-pressed", "false");
}

async function record() {
  const button = find("record");
  if (stopRecording) {
    button.disabled = true;
    halt();
    await finish();
    return;
  }
  begin();
  try {
    stopRecording = await sound.record(take);
  } catch (error) {
    say(`No microphone: ${error.message}`, true);
    ready(true);
    return;
  }
  button.textContent = "Stop";
  button.setAttribute("aria-pressed", "true");
  button.disabled = false;
  say("Listening …");
}

async function open(file) {
  if (stopRecording || find("file").disabled) return;
  const bytes = new Uint8Array(await file.arrayBuffer());
  begin();
  say(`Reading ${file.name} …`);
  try {
    if (isTokenFile(bytes)) openTokens(readTokenFile(bytes, about));
    else {
      const wave = readWav(bytes, about.sample_rate) ?? (await sound.read(bytes.buffer));
      for (let i = 0; i < wave.length; i += about.sample_rate) {
        take(wave.subarray(i, i + about.sample_rate));
      }
      await finish();
    }
  } catch (error) {
    say(`${file.name}: ${error.message}`, true);
    ready(true);
  }
}

function openTokens({ tokens, samples }) {
  then(async () => {
    clip.samples = samples;
    clip.tokens = [...tokens];
    for (let i = 0; i < tokens.length; i += 80) {
      await decode("decode", tokens.subarray(i, i + 80));
      show();
    }
    await decode("finishDecoding");
    show();
    say("Decoded. Listen to it.");
    ready(true);
  });
}

function save(bytes, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([bytes]));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

find("record").addEventListener("click", record);
find("file").addEventListener("change", ({ target }) => {
  if (target.files.length) open(target.files[0]);
  target.value = "";
});
document.addEventListener("dragover", (event) => {
  event.preventDefault();
  document.body.classList.add("over");
});
document.addEventListener("dragleave", () => document.body.classList.remove("over"));
document.addEventListener("drop", (event) => {
  event.preventDefault();
  document.body.classList.remove("over");
  if (event.dataTransfer.files.length) open(event.dataTransfer.files[0]);
});
find("save-tokens").addEventListener("click", () => {
  save(writeTokenFile(clip.tokens, clip.samples, about), "speech.atok");
});
for (const [id, picture] of Object.entries(pictures)) {
  const heard = () => {
    const wave = clip.sound(id);
    return id === "original" ? Float32Array.from(wave, (sample) => sample / 32768) : wave;
  };
  const play = find(id).querySelector(".play");
  play.addEventListener("click", () => {
    if (play.textContent === "Stop") {
      sound.stop();
      return;
    }
    sound.play(heard(), (share) => {
      picture.show(share);
      play.textContent = share === null ? "Play" : "Stop";
    });
  });
  find(id).querySelector(".save").addEventListener("click", () => {
    save(writeWav(toInt16(heard()), about.sample_rate), `${id}.wav`);
  });
}

find("model").textContent = about.model_id;
codec
  .load(MODEL)
  .then(() => {
    say("Ready.");
    ready(true);
  })
  .catch((error) => say(`This browser cannot run the model: ${error.message}`, true));
