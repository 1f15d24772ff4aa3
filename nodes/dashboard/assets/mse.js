// One camera's fragments of MP4 in, its frames out, each with the message that it came in: for browsers without
// WebCodecs. A <video> that is in no document decodes them; the browser says of each frame that it shows when it is
// presented, which names its message.

import { Capture } from "./capture.js";
import { Losses } from "./losses.js";
import { parseFragment } from "./protocol.js";
import { Segments } from "./segments.js";
import { mediaSource, mimeType } from "./support.js";

const MICROS = 1e6;
/** Frames later than this, and a frame, are shown faster; those later than `FAR_S` are left out. */
const NEAR_S = 0.05;
const FAR_S = 3;
/** Nothing is shown for so long, and so many frames, though there is something to show: the player stands before a gap. */
const STUCK_MS = 1000;
const STUCK_FRAMES = 2;
/** A seek decodes from a keyframe on, which takes time too. */
const SEEK_EVERY_MS = 3000;
const FASTEST = 2;
/** Rates are changed in steps, since each change costs. */
const RATE_STEPS = 10;
/** A player that shows nothing for so long, of what it has been given, is replaced. */
const HUNG_MS = 10_000;
/** Fragments that wait for so long to be taken: the page cannot keep up. */
const BEHIND_MS = 1500;
/** More than frames are reordered by. */
const GAP_MICROS = 1_000_000;
/** The browser's times are those of the fragments up to rounding. */
const ROUNDING_MICROS = 2;
/** Messages whose frame may still be shown. */
const PENDING_LIMIT = 2048;
/** Frames in a row that belong to no message, before the browser's times are taken for useless. */
const UNMATCHED_LIMIT = 30;
const FAILURE_LIMIT = 3;
/** As in player.js. */
const BACKWARD_MICROS = 2_000_000;

export class FragmentPlayer {
  #media = null;
  #video = null;
  #segments = null;
  #codec = null;
  #session = null;
  #waits = true;
  /** By the time at which the player presents them, in microseconds. */
  #pending = new Map();
  /** Added to the fragments' times, so that what was left out is no gap. */
  #offset = 0;
  /** The time of a keyframe before which something is missing: frames that are shown before it cannot be decoded. */
  #leadsUpTo = null;
  /** By the player's time: the end of what was given, in microseconds, and the newest frame in the buffer, in seconds. */
  #end = null;
  #newest = null;
  #frameS = 0;
  /** How far frames are reordered: so much before the newest frame is the newest that can be shown. */
  #reorderS = 0;
  /** The first frame that is to be shown, in seconds. */
  #startAt = null;
  #hasStarted = false;
  #soughtAt = -Infinity;
  #shownAt = 0;
  #fedAt = 0;
  #failures = 0;
  #unmatchedInRow = 0;
  /** The last frame by the player's time, and by its camera's. */
  #last = null;
  #shownMicros = -Infinity;
  #losses = new Losses();
  #capture = new Capture((image, message) => this.#draw(image, message));

  /** As those of `Player`. */
  constructor(onFrame, onUnusable) {
    this.onFrame = onFrame;
    this.onUnusable = onUnusable;
    this.tally = { errors: 0, skipped: 0, unmatched: 0, decoders: 0, backward: 0, seeks: 0 };
    this.lastError = null;
  }

  get counts() {
    return { ...this.tally, damaged: this.#losses.count, unsure: this.#capture.unsure };
  }

  feed(message, isPageBehind) {
    const isNew = message.session !== this.#session;
    if (isNew) {
      this.#session = message.session;
      this.#losses.start();
      this.#shownMicros = -Infinity;
    }
    if (message.data.length === 0) {
      this.#waits = true;
      return;
    }
    const isGap = this.#losses.note(message);
    const fragment = parseFragment(message.data);
    message.data = null;
    if (!fragment) return;
    if (message.keyframe && this.#isHung()) this.#fail(new Error("the player shows no frames"));
    this.#fedAt = performance.now();
    const isBehind = !message.catchUp && (isPageBehind || this.#isBehind());
    if (isBehind) this.#waits = true;
    if (isBehind || (this.#waits && !message.keyframe)) {
      this.tally.skipped++;
      return;
    }
    if (message.keyframe) {
      this.#leadsUpTo = this.#waits || isGap || isNew ? fragment.micros : null;
      this.#resume(fragment, isGap);
      if (!this.#use(fragment.codec)) return;
    } else if (this.#leadsUpTo !== null) {
      // Their times are those of frames that were given before.
      if (fragment.micros < this.#leadsUpTo) {
        this.tally.skipped++;
        return;
      }
      this.#leadsUpTo = null;
    }
    this.#waits = false;
    const micros = fragment.micros + this.#offset;
    this.#end = Math.max(this.#end ?? 0, micros + fragment.durationMicros);
    this.#segments.push({ message, fragment, micros, offset: this.#offset, codec: this.#codec, at: this.#fedAt });
  }

  /** Forgets the stream; the next keyframe starts again. */
  close() {
    this.#closeMedia();
    this.#session = null;
    this.#failures = 0;
  }

  /** Goes on at this keyframe where what was last given ended, if fragments between them were left out here or there. */
  #resume(fragment, isGap) {
    if (this.#end === null) return;
    const gap = fragment.micros + this.#offset - this.#end;
    if (this.#waits || isGap || Math.abs(gap) > GAP_MICROS) this.#offset -= gap;
  }

  #isBehind() {
    return this.#segments !== null && performance.now() - this.#segments.waitsSince > BEHIND_MS;
  }

  /** Nobody is shown anything in a tab in the background. */
  #isHung() {
    if (this.#segments === null || document.hidden) return false;
    const hasFrames = this.#pending.size > 0 || this.#segments.waitsSince < Infinity;
    return hasFrames && this.#fedAt - this.#shownAt > HUNG_MS;
  }

  /** Has a player for this codec; false where there can be none. */
  #use(codec) {
    if (codec === this.#codec && this.#media) return true;
    const Source = mediaSource();
    if (!Source?.isTypeSupported(mimeType(codec))) {
      this.#fail(new DOMException(`MSE does not play ${codec}`, "NotSupportedError"));
      return false;
    }
    this.#codec = codec;
    if (!this.#media) this.#open(Source);
    return true;
  }

  #open(Source) {
    const media = new Source();
    const video = document.createElement("video");
    Object.assign(video, { muted: true, playsInline: true, disableRemotePlayback: true });
    this.#media = media;
    this.#video = video;
    this.#shownAt = performance.now();
    this.tally.decoders++;
    const isCurrent = () => media === this.#media;
    const fail = (error) => isCurrent() && this.#fail(error);
    this.#segments = new Segments(media, video, {
      onTaken: (entry) => isCurrent() && this.#remember(entry),
      onUpdated: () => isCurrent() && this.#follow(),
      onError: fail,
    });
    media.addEventListener("sourceopen", () => {
      URL.revokeObjectURL(video.src);
      if (isCurrent()) this.#segments.begin(this.#codec);
    }, { once: true });
    video.addEventListener("error", () => fail(new Error(video.error?.message || "the player failed")));
    video.requestVideoFrameCallback((_, shown) => this.#shown(video, shown));
    video.src = URL.createObjectURL(media);
  }

  #remember({ message, micros, fragment }) {
    this.#frameS = fragment.durationMicros / MICROS;
    this.#pending.set(micros, message);
    if (this.#pending.size > PENDING_LIMIT) this.#pending.delete(this.#pending.keys().next().value);
    const back = (this.#newest ?? 0) - micros / MICROS;
    if (back > 0) this.#reorderS = Math.max(this.#reorderS, Math.min(back + this.#frameS, GAP_MICROS / MICROS));
    this.#newest = Math.max(this.#newest ?? 0, micros / MICROS);
    // The last frame of a group to catch up on is the first one to be shown.
    if (!this.#hasStarted && !message.catchUp) this.#startAt ??= micros / MICROS;
  }

  /** Stays near the newest frame. */
  #follow() {
    const video = this.#video;
    if (!video || this.#newest === null || video.buffered.length === 0) return;
    if (!this.#hasStarted) {
      if (this.#startAt === null) return;
      this.#hasStarted = true;
      this.#seek(this.#startAt);
      video.play().catch(() => {});
      return;
    }
    if (video.seeking) return;
    if (video.paused) video.play().catch(() => {});
    const lag = this.#newest - this.#reorderS - video.currentTime;
    const now = performance.now();
    const near = NEAR_S + this.#frameS;
    const isStuck = lag > near && now - this.#shownAt > STUCK_MS + STUCK_FRAMES * this.#frameS * 1000;
    if ((lag > FAR_S || isStuck) && now - this.#soughtAt > SEEK_EVERY_MS && !document.hidden) {
      this.tally.seeks++;
      this.#seek(this.#newest);
      return;
    }
    const rate = lag > near ? Math.min(FASTEST, 1 + Math.ceil((lag - near) * RATE_STEPS) / RATE_STEPS) : 1;
    if (video.playbackRate !== rate) video.playbackRate = rate;
  }

  #seek(seconds) {
    this.#soughtAt = performance.now();
    this.#video.currentTime = seconds;
  }

  #shown(video, { mediaTime, presentationTime, presentedFrames }) {
    if (video !== this.#video) return;
    video.requestVideoFrameCallback((_, shown) => this.#shown(video, shown));
    this.#capture.settle(presentedFrames, presentationTime);
    const at = Math.round(mediaTime * MICROS);
    if (this.#last !== null && Math.abs(at - this.#last) <= ROUNDING_MICROS) return;
    const entry = this.#find(at);
    if (!entry) {
      this.#unmatched();
      return;
    }
    const [micros, message] = entry;
    this.#last = micros;
    this.#shownAt = performance.now();
    this.#failures = 0;
    this.#unmatchedInRow = 0;
    // Frames are shown in order: those before it will not be.
    let next = Infinity;
    for (const time of this.#pending.keys()) {
      if (time <= micros) this.#pending.delete(time);
      else next = Math.min(next, time);
    }
    // Frames to catch up on are decoded, and not drawn.
    if (!message.catchUp) this.#capture.take(video, message, presentedFrames, next / MICROS);
    this.#follow();
  }

  #draw(image, message) {
    const back = this.#shownMicros - message.ptsMicros;
    if (message.session === this.#session && back > 0 && back < BACKWARD_MICROS) {
      this.tally.backward++;
      return;
    }
    this.#shownMicros = message.ptsMicros;
    this.onFrame(image, message);
  }

  #find(micros) {
    for (let off = 0; off <= ROUNDING_MICROS; off++) {
      for (const time of [micros - off, micros + off]) {
        const message = this.#pending.get(time);
        if (message) return [time, message];
      }
    }
    return null;
  }

  /** Which message the frame belongs to is not guessed. */
  #unmatched() {
    this.tally.unmatched++;
    if (++this.#unmatchedInRow >= UNMATCHED_LIMIT) this.#fail(new Error("the browser does not tell which frame it shows"));
  }

  #fail(error) {
    this.tally.errors++;
    this.lastError = error.message;
    this.#failures++;
    const isHopeless = error.name === "NotSupportedError" || this.#failures >= FAILURE_LIMIT;
    this.#closeMedia();
    if (isHopeless) this.onUnusable(error.message);
  }

  #closeMedia() {
    const video = this.#video;
    this.#media = this.#video = this.#segments = this.#codec = null;
    this.#waits = true;
    this.#pending.clear();
    this.#offset = this.#reorderS = 0;
    this.#end = this.#newest = this.#startAt = this.#last = null;
    this.#hasStarted = false;
    this.#soughtAt = -Infinity;
    this.#unmatchedInRow = 0;
    this.#capture.drop();
    if (!video) return;
    // A source that was never opened is kept for as long as its URL is.
    URL.revokeObjectURL(video.src);
    // Without its source a player gives up its decoder and its buffer.
    video.pause();
    video.removeAttribute("src");
    video.load();
  }
}
