// A clip's <video>, and over it a canvas with each frame and the boxes of exactly that frame.

import { Capture } from "./capture.js";
import { h } from "./dom.js";
import { Screen } from "./screen.js";
import { settings } from "./settings.js";
import { Trails } from "./trails.js";

/** A seek after which the browser says nothing of a frame is over after so long. */
const SILENT_MS = 300;
/** How fast frames pass on the way to one that no seek leads to. */
const WALK_RATE = 0.25;
/** Without a frame whose boxes are certain for so long, it is shown without boxes. */
const UNSURE_MS = 200;

/** Says `change` where it plays, stands, or is somewhere else, `settled` where it has come to stand, and `fail` where it cannot play. */
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
  #soughtTo = 0;
  /** Whether the browser has told of a frame since the last seek began. */
  #isTold = false;
  /** The frame that is gone to without a seek, and the speed from then on. */
  #walk = null;
  /** Since when no frame was drawn though some were shown. */
  #undrawnSince = null;
  /** The message of the frame that was drawn last. */
  drawn = null;
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
    video.addEventListener("seeked", () => {
      this.#stand();
      setTimeout(() => this.#settle(), SILENT_MS);
    });
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

  /** Where it is: of a frame that stands, when that begins. */
  get seconds() {
    const { video } = this;
    const isAtFrame = video.paused && !video.ended && this.#index !== null;
    return this.#target ?? (isAtFrame ? this.#frames.at(this.#index) : video.currentTime);
  }

  /** A time that leads to the frame that is shown. */
  get place() {
    return this.#index === null ? this.video.currentTime : this.#frames.middle(this.#index);
  }

  /** Nothing is about to be shown. */
  get isSettled() {
    return this.video.paused && !this.#isSeeking && !this.#walk;
  }

  get isPaused() {
    return this.video.paused || this.#walk !== null;
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
    this.#frames = this.#index = this.#target = this.drawn = null;
    this.#isSeeking = false;
    this.#endWalk();
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
    this.#endWalk();
    // From the end it begins again.
    if (video.ended) this.seek(0);
    video.play().catch(() => this.#say());
  }

  pause() {
    this.#endWalk();
    this.video.pause();
  }

  /** To a time of the clip; of seeks that come while one is under way, the last one counts. */
  seek(seconds) {
    const { video } = this;
    if (this.#walk) this.pause();
    const end = Number.isFinite(video.duration) ? video.duration : Infinity;
    this.#target = Math.max(0, Math.min(seconds, end));
    if (!this.#isSeeking) this.#seekNow();
    this.#say();
  }

  /** By so many frames, which stops it. */
  step(frames) {
    if (!this.#frames?.count) return;
    const shown = () => this.#index ?? this.#frames.shownAt(this.video.currentTime);
    const from = this.#walk?.index ?? (this.#target === null ? shown() : this.#frames.shownAt(this.#target));
    this.pause();
    this.seek(this.#frames.middle(Math.max(0, Math.min(from + frames, this.#frames.count - 1))));
  }

  /** Shows the frame that stands again: what is drawn over it, or its size, has changed. */
  redraw() {
    if (this.#index === null || !this.video.paused || this.video.seeking) return;
    this.#draw(this.video, this.#frames.message(this.#index));
  }

  #seekNow() {
    this.#isSeeking = true;
    this.#isTold = false;
    this.#capture.drop();
    this.video.currentTime = this.#soughtTo = this.#target;
  }

  /** The seek that was under way is over. */
  #settle() {
    if (!this.#isSeeking || this.video.seeking) return;
    this.#isSeeking = false;
    if (this.#target !== this.#soughtTo) return this.#seekNow();
    const wanted = this.#frames?.shownAt(this.#target) ?? 0;
    this.#target = null;
    if (this.#walk) this.#go();
    else if (this.video.paused && this.#isTold && this.#index > wanted) this.#walkTo(wanted);
    this.#say();
  }

  /**
   * Chromium finds keyframes by when they are decoded, not by when they are shown: with B frames, no seek leads to the
   * frames just before one. They are gone to from further ahead.
   */
  #walkTo(index) {
    const begin = this.#frames.at(index) - this.#frames.at(0);
    if (begin <= 0) return;
    this.#walk = { index, rate: this.video.playbackRate };
    this.#target = this.#frames.middle(Math.max(0, this.#frames.shownAt(begin) - 1));
    this.#seekNow();
  }

  #go() {
    if (this.#index >= this.#walk.index) {
      this.#endWalk();
      return this.#stand();
    }
    this.video.playbackRate = WALK_RATE;
    this.video.play().catch(() => this.#endWalk());
  }

  #endWalk() {
    if (!this.#walk) return;
    this.video.playbackRate = this.#walk.rate;
    this.#walk = null;
  }

  #listen(url) {
    this.video.requestVideoFrameCallback((_, shown) => {
      if (this.video.getAttribute("src") !== url) return;
      this.#listen(url);
      this.#shown(shown);
    });
  }

  #shown({ mediaTime, presentationTime, presentedFrames }) {
    this.#isTold = true;
    this.#capture.settle(presentedFrames, presentationTime);
    const index = this.#frames?.find(mediaTime) ?? -1;
    if (index < 0) {
      if (this.#frames) this.tally.unmatched++;
      this.#index = null;
    } else {
      this.#index = index;
      if (this.#walk && !this.#isSeeking && index >= this.#walk.index) this.pause();
      // Until a seek is over, what is in the player may be of before it.
      if (!this.video.seeking && !this.#walk) this.#take(index, presentedFrames);
    }
    if (!this.video.seeking) this.#settle();
    this.#say();
  }

  #take(index, presentedFrames) {
    // One that stands shows this frame until it is told otherwise.
    const next = this.video.paused ? Infinity : this.#frames.at(index + 1);
    const message = this.#frames.message(index);
    this.#capture.take(this.video, message, presentedFrames, next);
    this.#drawBare(message);
  }

  /** It has stopped, or a seek is over: once the browser has said the last of it, it shows the frame that it told of last. */
  #stand() {
    requestAnimationFrame(() => requestAnimationFrame(() => {
      if (!this.video.paused || this.video.seeking || this.#walk || this.#index === null || !this.#isTold) return;
      this.#capture.drop();
      if (this.drawn?.at !== this.#frames.at(this.#index)) this.redraw();
      this.#settle();
      if (this.isSettled) this.dispatchEvent(new Event("settled"));
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
