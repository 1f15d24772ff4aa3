// A clip's <video>, and over it a canvas with each frame and the boxes of exactly that frame.

import { Capture } from "./capture.js";
import { h } from "./dom.js";
import { Screen } from "./screen.js";
import { settings } from "./settings.js";
import { Trails } from "./trails.js";

/** A seek after which the browser says nothing of a frame is over after so long. */
const SILENT_MS = 300;
/** Without a frame whose boxes are certain for so long, it is shown without boxes. */
const UNSURE_MS = 200;

/** Says `change` where it plays, stands, or is somewhere else, and `fail` where it cannot play. */
export class ClipPlayer extends EventTarget {
  /** Clips have no sound; muted, they may play by themselves. */
  video = h("video", { playsinline: true, preload: "auto", tabindex: "-1", "aria-hidden": "true" });
  screen = new Screen();
  #capture = new Capture((image, message) => this.#draw(image, message));
  #observer = new ResizeObserver(() => this.redraw());
  #frames = null;
  /** Of the frame that is shown, as far as the browser has said; null: none yet. */
  #index = null;
  /** Where to seek next, and whether a seek is under way. */
  #target = null;
  #isSeeking = false;
  /** Since when no frame was drawn though some were shown. */
  #undrawnSince = null;
  /** For tests and for support. */
  tally = { frames: 0, unmatched: 0, bare: 0 };

  /** `probe()`: what sees each frame on its canvas before its boxes are drawn, if anything. */
  constructor({ probe }) {
    super();
    this.probe = probe;
    const { video } = this;
    video.muted = true;
    for (const name of ["play", "pause", "ratechange", "durationchange", "timeupdate", "waiting", "playing", "ended"]) {
      video.addEventListener(name, () => this.#say());
    }
    video.addEventListener("seeked", () => setTimeout(() => this.#settle(), SILENT_MS));
    video.addEventListener("pause", () => this.#stand());
    video.addEventListener("error", () => video.getAttribute("src") && this.dispatchEvent(new Event("fail")));
    this.#observer.observe(this.screen.canvas);
  }

  /** Whether the browser says which frame it shows: without, there can be no boxes. */
  get isExact() {
    return "requestVideoFrameCallback" in this.video;
  }

  get unsure() {
    return this.#capture.unsure;
  }

  /** The index of the frame that is shown. */
  get index() {
    return this.#index;
  }

  get seconds() {
    return this.#target ?? this.video.currentTime;
  }

  get isPaused() {
    return this.video.paused;
  }

  /** Plays what is at `url`; `frames` are those of its sidecar, or null. */
  open(url, frames, { at, isPlaying, rate }) {
    this.close();
    this.#frames = frames;
    const { video, screen } = this;
    screen.canvas.hidden = !frames || !this.isExact;
    video.src = url;
    video.defaultPlaybackRate = video.playbackRate = rate;
    if (this.isExact) this.#listen(url);
    this.seek(at);
    if (isPlaying) this.play();
  }

  close() {
    const { video } = this;
    this.#frames = this.#index = this.#target = null;
    this.#isSeeking = false;
    this.#capture.drop();
    this.screen.clear();
    if (!video.getAttribute("src")) return;
    video.pause();
    // Without its source a player gives up its connection and its decoder.
    video.removeAttribute("src");
    video.load();
  }

  play() {
    const { video } = this;
    // From the end it begins again.
    if (video.ended) this.seek(0);
    video.play().catch(() => this.#say());
  }

  pause() {
    this.video.pause();
  }

  /** To a time of the clip; of seeks that come while one is under way, the last one counts. */
  seek(seconds) {
    const { video } = this;
    const end = Number.isFinite(video.duration) ? video.duration : Infinity;
    this.#target = Math.max(0, Math.min(seconds, end));
    if (!this.#isSeeking) this.#seekNow();
    this.#say();
  }

  /** By so many frames, which stops it. */
  step(frames) {
    if (!this.#frames) return;
    this.pause();
    const from = this.#target === null ? (this.#index ?? this.#frames.shownAt(this.video.currentTime)) : this.#frames.shownAt(this.#target);
    this.seek(this.#frames.middle(Math.max(0, Math.min(from + frames, this.#frames.count - 1))));
  }

  /** Shows the frame that stands again: what is drawn over it, or its size, has changed. */
  redraw() {
    if (this.#index === null || !this.video.paused || this.video.seeking) return;
    this.#draw(this.video, this.#frames.message(this.#index));
  }

  #seekNow() {
    this.#isSeeking = true;
    this.#capture.drop();
    this.video.currentTime = this.#target;
    this.soughtTo = this.#target;
  }

  /** The seek that was under way is over. */
  #settle() {
    if (!this.#isSeeking || this.video.seeking) return;
    this.#isSeeking = false;
    if (this.#target !== this.soughtTo) this.#seekNow();
    else this.#target = null;
    this.#say();
  }

  #listen(url) {
    this.video.requestVideoFrameCallback((_, shown) => {
      if (this.video.getAttribute("src") !== url) return;
      this.#listen(url);
      this.#shown(shown);
    });
  }

  #shown({ mediaTime, presentationTime, presentedFrames }) {
    this.#capture.settle(presentedFrames, presentationTime);
    const index = this.#frames?.find(mediaTime) ?? -1;
    if (index < 0) {
      if (this.#frames) this.tally.unmatched++;
      this.#index = null;
    } else if (!this.video.seeking) {
      this.#index = index;
      // One that stands shows this frame until it is told otherwise.
      const next = this.video.paused ? Infinity : this.#frames.at(index + 1);
      const message = this.#frames.message(index);
      this.#capture.take(this.video, message, presentedFrames, next);
      this.#drawBare(message);
    }
    this.#settle();
    this.#say();
  }

  /** It has stopped: once the browser has said the last of it, what it shows is the last frame that it has told of. */
  #stand() {
    requestAnimationFrame(() => requestAnimationFrame(() => {
      if (this.video.paused && !this.video.seeking) this.#capture.stand(this.video);
    }));
  }

  /** Where the browser shows frames too fast to be certain of any, they are better seen without boxes than not at all. */
  #drawBare(message) {
    if (this.drawn === message) return;
    this.#undrawnSince ??= performance.now();
    if (performance.now() - this.#undrawnSince < UNSURE_MS) return;
    this.tally.bare++;
    this.#undrawnSince = null;
    this.screen.draw(this.video, message, { detections: null, earlier: null, trails: new Trails(), rules: [] });
  }

  #draw(image, message) {
    if (!this.#frames) return;
    this.tally.frames++;
    this.#undrawnSince = null;
    const index = this.#frames.find(message.at);
    const trails = new Trails();
    if (settings.trails) for (const before of this.#frames.trail(index)) trails.add(before);
    const earlier = message.detections ? null : this.#frames.earlier(index);
    this.screen.draw(image, message, { detections: message.detections, earlier, trails, rules: [] }, this.probe());
    this.drawn = message;
  }

  #say() {
    this.dispatchEvent(new Event("change"));
  }
}
