// One camera's access units in, its frames out, each with the message that it came in.

import { codecString } from "./codec.js";
import { Losses } from "./losses.js";
import { KIND } from "./protocol.js";

/** Messages whose frame may still come out: more than any decoder reorders. */
const PENDING_LIMIT = 512;
/** A frame that is this many units behind the newest output was never output. */
const REORDER_LIMIT = 32;
/** A decoder this far behind skips to the next keyframe. */
const BEHIND_MS = 1500;
/** A decoder that gives nothing for so long, of what it has been given, is replaced. */
const HUNG_MS = 10_000;
/** A frame that is older than the one shown, by less than this, came out of order after a loss. */
const BACKWARD_MICROS = 2_000_000;
/** Catch-up has ended when no more frames come for so long. */
const CATCH_UP_QUIET_MS = 100;
/** Failures in a row, without a frame between them, before JPEG is asked for. */
const FAILURE_LIMIT = 3;

export class Player {
  #decoder = null;
  #codec = null;
  #session = null;
  #waits = true;
  #pending = new Map();
  #units = 0;
  /** The newest unit that came out, and when one did last. */
  #newest = -1;
  #outputAt = 0;
  #held = null;
  #timer = 0;
  #failures = 0;
  #losses = new Losses();
  #shownMicros = -Infinity;
  #still = { busy: false, next: null, generation: 0 };

  /**
   * `onFrame(image, message)` draws at once: the image is closed after it returns.
   * `onUnusable(reason)`: this stream cannot be decoded here.
   */
  constructor(onFrame, onUnusable) {
    this.onFrame = onFrame;
    this.onUnusable = onUnusable;
    this.tally = { errors: 0, skipped: 0, unmatched: 0, decoders: 0, backward: 0 };
    this.lastError = null;
  }

  get counts() {
    return { ...this.tally, damaged: this.#losses.count };
  }

  /** `isPageBehind`: this page cannot keep up, so that access units have to be left out. */
  feed(message, isPageBehind) {
    if (message.session !== this.#session) this.#startSession(message.session);
    if (message.kind === KIND.jpeg || message.codec === "mjpeg") {
      if (message.data.length > 0) this.#showStill(message);
    } else if (message.data.length === 0) {
      this.#endSession();
    } else {
      this.#decode(message, isPageBehind);
    }
  }

  /** Forgets the stream; the next keyframe starts again. */
  close() {
    this.#closeDecoder();
    this.#session = null;
    this.#still.generation++;
    this.#still.next = null;
  }

  #startSession(session) {
    this.#closeDecoder();
    this.#session = session;
    this.#failures = 0;
    this.#losses.start();
    this.#shownMicros = -Infinity;
  }

  #endSession() {
    // Frames that are held back for reordering come out; a keyframe must follow.
    this.#waits = true;
    if (this.#decoder?.state === "configured") this.#decoder.flush().catch(() => {});
  }

  #decode(message, isPageBehind) {
    this.#losses.note(message);
    if (message.keyframe && this.#isHung()) this.#fail(new Error("the decoder gives no frames"));
    const isBehind = !message.catchUp && (isPageBehind || this.#isBehind());
    if (isBehind) this.#waits = true;
    if (isBehind || (this.#waits && !message.keyframe)) {
      this.tally.skipped++;
      return;
    }
    if (message.keyframe) {
      const codec = codecString(message.codec, message.data) ?? this.#codec;
      const isUsable = this.#decoder?.state === "configured" && codec === this.#codec;
      if (!isUsable && !this.#open(codec)) return;
      this.#waits = false;
    }
    const timestamp = this.#remember(message);
    const type = message.keyframe ? "key" : "delta";
    try {
      this.#decoder.decode(new EncodedVideoChunk({ type, timestamp, data: message.data }));
    } catch (error) {
      this.#fail(error);
    }
    // The message stays until its frame has come, and longer; its bytes are the decoder's now.
    message.data = null;
  }

  /** Whether the decoder is so slow that access units have to be left out. */
  #isBehind() {
    const next = this.#next();
    return next !== null && !next.message.catchUp && performance.now() - next.fedAt > BEHIND_MS;
  }

  /** A decoder that is merely slow, as with a long group to catch up on, gives something. */
  #isHung() {
    const next = this.#next();
    return next !== null && performance.now() - Math.max(next.fedAt, this.#outputAt) > HUNG_MS;
  }

  /** What a decoder with work to do is to give next. Some units before its newest output never come out. */
  #next() {
    if (!(this.#decoder?.decodeQueueSize > 0)) return null;
    for (const entry of this.#pending.values()) if (entry.unit > this.#newest) return entry;
    return null;
  }

  /**
   * The chunk's timestamp, which names its message: presentation time, because some decoders reorder by it, made
   * unique among the frames under way.
   */
  #remember(message) {
    let timestamp = message.ptsMicros;
    while (this.#pending.has(timestamp)) timestamp++;
    this.#pending.set(timestamp, { message, unit: this.#units++, fedAt: performance.now() });
    if (this.#pending.size > PENDING_LIMIT) this.#pending.delete(this.#pending.keys().next().value);
    return timestamp;
  }

  #open(codec) {
    this.#closeDecoder();
    if (!codec) {
      this.tally.skipped++;
      return false;
    }
    this.#codec = codec;
    const decoder = new VideoDecoder({
      output: (frame) => (decoder === this.#decoder ? this.#output(frame) : frame.close()),
      error: (error) => decoder === this.#decoder && this.#fail(error),
    });
    this.#decoder = decoder;
    this.tally.decoders++;
    // A hardware decoder that failed is followed by software, which browsers do not have for H.265.
    const isInSoftware = this.#failures > 0 && !codec.startsWith("hvc1");
    const hardwareAcceleration = isInSoftware ? "prefer-software" : "no-preference";
    try {
      decoder.configure({ codec, optimizeForLatency: true, hardwareAcceleration });
    } catch (error) {
      this.#fail(error);
      return false;
    }
    return true;
  }

  #output(frame) {
    const entry = this.#pending.get(frame.timestamp);
    if (!entry) {
      this.tally.unmatched++;
      frame.close();
      return;
    }
    this.#pending.delete(frame.timestamp);
    this.#newest = Math.max(this.#newest, entry.unit);
    this.#outputAt = performance.now();
    for (const [timestamp, { unit }] of this.#pending) {
      if (unit > entry.unit - REORDER_LIMIT) break;
      this.#pending.delete(timestamp);
    }
    this.#failures = 0;
    this.#drop();
    if (entry.message.catchUp) {
      this.#held = { frame, message: entry.message };
      this.#timer = setTimeout(() => this.#showHeld(), CATCH_UP_QUIET_MS);
    } else {
      this.#show(frame, entry.message);
    }
  }

  #show(image, message) {
    const back = this.#shownMicros - message.ptsMicros;
    try {
      if (back > 0 && back < BACKWARD_MICROS) {
        this.tally.backward++;
        return;
      }
      this.#shownMicros = message.ptsMicros;
      this.onFrame(image, message);
    } finally {
      image.close();
    }
  }

  #showHeld() {
    const held = this.#held;
    this.#held = null;
    if (held) this.#show(held.frame, held.message);
  }

  #drop() {
    clearTimeout(this.#timer);
    this.#held?.frame.close();
    this.#held = null;
  }

  #fail(error) {
    this.tally.errors++;
    this.lastError = error.message;
    this.#failures++;
    const isHopeless = error.name === "NotSupportedError" || this.#failures >= FAILURE_LIMIT;
    this.#closeDecoder();
    if (isHopeless) this.onUnusable(error.message);
  }

  #closeDecoder() {
    this.#drop();
    const decoder = this.#decoder;
    this.#decoder = null;
    this.#waits = true;
    this.#pending.clear();
    this.#newest = -1;
    this.#outputAt = 0;
    if (decoder && decoder.state !== "closed") decoder.close();
  }

  /** JPEGs are decoded one at a time; of those that wait, the newest. */
  async #showStill(message) {
    const still = this.#still;
    still.next = message;
    if (still.busy) return;
    still.busy = true;
    while (still.next) {
      const { generation } = still;
      const current = still.next;
      still.next = null;
      try {
        const jpeg = new Blob([current.data], { type: "image/jpeg" });
        current.data = null;
        const image = await createImageBitmap(jpeg);
        if (generation === still.generation) this.#show(image, current);
        else image.close();
      } catch (error) {
        this.tally.errors++;
        this.lastError = error.message;
      }
    }
    still.busy = false;
  }
}
