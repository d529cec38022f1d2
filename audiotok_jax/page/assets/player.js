"use strict";

// Plays one of several sounds of equal length, and switches between them at the same position: all
// play in sync, each through its own gain, which is zero for all but one.
//
// Events: "change" when playback, the chosen sound or the selection changes; "time" when the
// position does; "failed" when a sound cannot be loaded.
class Player extends EventTarget {
  static matched = true; // in loudness
  static current = null; // the one that plays or played last; only it keeps its samples
  static #context = null;

  chosen = 0;
  selection = null; // { from, to } in seconds: the part that is looped
  message = ""; // what failed
  #tracks;
  #buffers = null; // promise of an AudioBuffer for each track
  #voices = []; // { source, gain } for each track while it plays
  #offset = 0; // position at the start of playback, or while it is paused, in seconds
  #start = 0; // time of that start, on the clock of the context
  #wanted = false; // to play, once the sounds are there

  // tracks: { url, gain } with a gain in dB; seconds: their length.
  constructor(tracks, seconds) {
    super();
    this.#tracks = tracks;
    this.seconds = seconds;
  }

  get playing() {
    return this.#wanted;
  }

  // The current position in seconds.
  get time() {
    if (!this.#voices.length) return this.#offset;
    const context = Player.#context;
    const gone = context.currentTime - this.#start - (context.outputLatency || 0);
    const time = this.#offset + Math.max(0, gone);
    if (this.selection && time >= this.selection.to) {
      const { from, to } = this.selection;
      return from + (time - from) % (to - from);
    }
    return Math.min(time, this.seconds);
  }

  async play() {
    if (this.#wanted) return;
    if (Player.current !== this) Player.current?.release();
    Player.current = this;
    this.#wanted = true;
    this.#tell("change");
    try {
      Player.#context ??= new AudioContext();
      Player.#context.resume(); // browsers play no sound before a click or a key
      this.#buffers ??= this.#load();
      const buffers = await this.#buffers;
      if (this.#wanted && !this.#voices.length) this.#sound(buffers);
    } catch (error) {
      this.#buffers = null;
      this.#wanted = false;
      this.message = error.message;
      this.#tell("failed");
      this.#tell("change");
    }
  }

  pause() {
    this.#offset = this.time;
    this.#silence();
    this.#wanted = false;
    this.#tell("change");
  }

  // Goes to a position; one outside the selection ends the selection.
  seek(seconds) {
    const place = Math.min(Math.max(seconds, 0), this.seconds);
    const { from, to } = this.selection ?? { from: 0, to: this.seconds };
    if (place < from || place > to) this.selection = null;
    this.#move(place);
  }

  choose(number) {
    this.chosen = number;
    this.level();
    this.#tell("change");
  }

  // Loops a part; null plays on to the end.
  select(selection) {
    const time = this.time; // by the old selection
    this.selection = selection;
    const outside = selection && (time < selection.from || time >= selection.to);
    this.#move(outside ? selection.from : time);
  }

  // Updates the gains.
  level() {
    this.#voices.forEach(({ gain }, number) => {
      // Within 20 ms: a jump would click.
      gain.gain.setTargetAtTime(this.#gain(number), Player.#context.currentTime, 0.005);
    });
  }

  release() {
    if (this.#wanted) this.pause();
    this.#buffers = null;
  }

  #load() {
    // A sound that occurs twice, as in ABX, is loaded once.
    const found = new Map();
    for (const { url } of this.#tracks) {
      found.set(url, found.get(url) ?? load(url).then((base64) => {
        const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
        return Player.#context.decodeAudioData(bytes.buffer);
      }));
    }
    return Promise.all(this.#tracks.map(({ url }) => found.get(url)));
  }

  #gain(number) {
    if (number !== this.chosen) return 0;
    return Player.matched ? 10 ** (this.#tracks[number].gain / 20) : 1;
  }

  #move(place) {
    const sounding = this.#voices.length > 0;
    this.#silence();
    this.#offset = place;
    if (sounding) this.#buffers.then((buffers) => this.#wanted && this.#sound(buffers));
    this.#tell("change");
    this.#tell("time");
  }

  #sound(buffers) {
    this.#silence();
    const context = Player.#context;
    if (this.#offset >= this.seconds) this.#offset = this.selection?.from ?? 0;
    // A little later, so that all of them start at the same time.
    this.#start = context.currentTime + 0.03;
    this.#voices = buffers.map((buffer) => {
      const gain = new GainNode(context, { gain: 0 });
      const source = new AudioBufferSourceNode(context, {
        buffer,
        loop: this.selection !== null,
        loopStart: this.selection?.from ?? 0,
        loopEnd: this.selection?.to ?? 0,
      });
      source.connect(gain).connect(context.destination);
      source.start(this.#start, this.#offset);
      return { source, gain };
    });
    this.level();
    this.#voices[0].source.onended = () => {
      this.#silence();
      this.#wanted = false;
      this.#offset = 0;
      this.#tell("change");
      this.#tell("time");
    };
    this.#follow();
  }

  #silence() {
    for (const { source } of this.#voices) {
      source.onended = null;
      source.stop();
    }
    this.#voices = [];
  }

  #follow() {
    const voices = this.#voices;
    const next = () => {
      if (voices !== this.#voices) return;
      this.#tell("time");
      requestAnimationFrame(next);
    };
    requestAnimationFrame(next);
  }

  #tell(what) {
    this.dispatchEvent(new Event(what));
  }
}
