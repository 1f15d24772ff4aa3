// What an MSE player is given: its buffer takes one thing after the other, and what has been shown is removed.

import { mimeType } from "./support.js";

const MICROS = 1e6;
/** Of what has been shown, so much is kept; more is removed from time to time. */
const KEPT_S = 3;
const REMOVE_S = 10;
/** Before the keyframe at which removal ends, so that rounding does not take it too. */
const BEFORE_S = 0.001;
const TOO_FAR_APART = "keyframes are too far apart for this browser's buffer";

export class Segments {
  #buffer = null;
  #codec = null;
  #initialization = null;
  #queue = [];
  /** Those in the buffer, the oldest first, in seconds. */
  #keyframes = [];

  /**
   * `onTaken(entry)`: the buffer has been given it. `onUpdated()`: the buffer has taken it in. `onError(error)`: nothing
   * more is taken.
   */
  constructor(media, video, { onTaken, onUpdated, onError }) {
    Object.assign(this, { media, video, onTaken, onUpdated, onError });
  }

  /** Since when the oldest of what was not taken waits, by `performance.now()`; Infinity where nothing does. */
  get waitsSince() {
    return this.#queue[0]?.at ?? Infinity;
  }

  /** The media source is open; its first fragment has this codec. */
  begin(codec) {
    try {
      this.#buffer = this.media.addSourceBuffer(mimeType(codec));
    } catch (error) {
      this.onError(error);
      return;
    }
    this.#codec = codec;
    this.#buffer.addEventListener("updateend", () => {
      this.onUpdated();
      this.#pump();
    });
    this.#pump();
  }

  /** `entry` has a `fragment` of the `message`, its `codec`, and the `offset` that makes its time `micros`. */
  push(entry) {
    this.#queue.push(entry);
    this.#pump();
  }

  /** Gives the buffer what waits: as much at once as has the same offset and codec. */
  #pump() {
    const buffer = this.#buffer;
    if (!buffer || buffer.updating || this.media.readyState !== "open" || this.#queue.length === 0) return;
    if (this.#removeOld(KEPT_S + REMOVE_S)) return;
    const [first] = this.#queue;
    const end = this.#queue.findIndex(({ offset, codec }) => offset !== first.offset || codec !== first.codec);
    const entries = this.#queue.slice(0, end < 0 ? undefined : end);
    const before = this.#initialization;
    try {
      if (first.codec !== this.#codec) {
        buffer.changeType(mimeType(first.codec));
        this.#codec = first.codec;
      }
      if (buffer.timestampOffset !== first.offset / MICROS) buffer.timestampOffset = first.offset / MICROS;
      buffer.appendBuffer(joined(entries.map(({ fragment }) => this.#bytes(fragment))));
    } catch (error) {
      // The same is tried again once there is room.
      this.#initialization = before;
      if (error.name !== "QuotaExceededError") this.onError(error);
      else if (!this.#removeOld(0)) this.onError(this.#isOneGroup() ? new DOMException(TOO_FAR_APART, "NotSupportedError") : error);
      return;
    }
    this.#queue.splice(0, entries.length);
    for (const entry of entries) {
      if (entry.message.keyframe) this.#keyframes.push(entry.micros / MICROS);
      this.onTaken(entry);
    }
  }

  /** The fragment, with its initialization segment where that is not the last one. */
  #bytes({ segments, initializationBytes }) {
    if (initializationBytes === 0) return segments;
    const initialization = segments.subarray(0, initializationBytes);
    const isKnown = this.#initialization?.length === initializationBytes && this.#initialization.every((byte, i) => byte === initialization[i]);
    if (isKnown) return segments.subarray(initializationBytes);
    this.#initialization = initialization.slice();
    return segments;
  }

  /** Whether the buffer has no keyframe but the one that it begins with: nothing of it can be removed. */
  #isOneGroup() {
    const { buffered } = this.video;
    return buffered.length > 0 && !this.#keyframes.some((time) => time > buffered.start(0) + BEFORE_S);
  }

  /** Removes what has been shown, up to a keyframe, where there is more of it than so many seconds; whether it does. */
  #removeOld(seconds) {
    const { buffered, currentTime } = this.video;
    if (buffered.length === 0 || currentTime - buffered.start(0) < seconds) return false;
    const last = this.#keyframes.findLastIndex((time) => time < currentTime - KEPT_S);
    // Removal goes on to the next keyframe, so it ends before one.
    if (last < 0 || this.#keyframes[last] - BEFORE_S <= buffered.start(0)) return false;
    try {
      this.#buffer.remove(0, this.#keyframes[last] - BEFORE_S);
    } catch {
      return false;
    }
    this.#keyframes.splice(0, last);
    return true;
  }
}

function joined(parts) {
  if (parts.length === 1) return parts[0];
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
