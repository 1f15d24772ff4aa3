// What this page has drawn, for tests and for support: `window.camweave`.

export class Counters {
  #cameras = new Map();
  /** `probe(canvas, area, message)` sees each frame on its canvas before its boxes are drawn. */
  probe = null;

  /** `nowMs()`: the server's time. */
  constructor(nowMs) {
    this.nowMs = nowMs;
  }

  drawn(id, message) {
    const counts = this.#cameras.get(id) ?? { frames: 0, withBoxes: 0, last: null };
    this.#cameras.set(id, counts);
    counts.frames++;
    if (message.detections) counts.withBoxes++;
    counts.last = message;
    counts.shownMs = this.nowMs() - message.capturedMs;
  }

  forget(id) {
    this.#cameras.delete(id);
  }

  /** From capture to canvas, of the last frame. */
  shownMs(id) {
    return this.#cameras.get(id)?.shownMs ?? null;
  }

  frames(id) {
    return this.#cameras.get(id)?.frames ?? 0;
  }

  /** The last frame drawn of a camera, with the boxes that were drawn on it. */
  last(id) {
    const message = this.#cameras.get(id)?.last;
    if (!message) return null;
    return {
      camera: id,
      session: String(message.session),
      sequence: String(message.sequence),
      pts_nanos: String(message.ptsNanos),
      boxes: message.detections?.boxes ?? null,
    };
  }

  snapshot() {
    return Object.fromEntries(
      [...this.#cameras].map(([id, { frames, withBoxes, shownMs }]) => [id, { frames, withBoxes, shownMs }]),
    );
  }
}
