"use strict";

// Sounds of equal length of which one is heard, and any other from the same place on: all of them
// play at once, sample by sample, each through a gain of its own that is zero for all but one.
//
// Events: "change" when it starts, stops, or is told something; "time" while time goes on;
// "failed" when a sound cannot be loaded.
class Player extends EventTarget {
  static matched = true; // in loudness
  static current = null; // the one that plays or played last; only it keeps its samples
  static #context = null;

  chosen = 0;
  selection = null; // { from, to } in seconds: what is played again and again
  message = ""; // what failed
  #tracks;
  #buffers = null; // promise of an AudioBuffer for each track
  #voices = []; // { source, gain } for each track while it plays
  #offset = 0; // where it started, or stands still, in seconds
  #start = 0; // when it started, on the clock of the context
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

  // The place that is heard now, in seconds.
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
      Player.#context.resume(); // browsers let it sound once somebody has pressed something
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

  // Goes to a place; one outside of the selection ends the selection.
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

  // Plays a part again and again; null plays on to the end.
  select(selection) {
    const time = this.time; // by the selection that there was
    this.selection = selection;
    const outside = selection && (time < selection.from || time >= selection.to);
    this.#move(outside ? selection.from : time);
  }

  // Gives each sound its gain anew.
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
    // A sound that is there twice, as in ABX, is loaded once: it takes as long as any other.
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
    // A little later, or the first of them would start before the last one is told to.
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
