// Which frames of a stream may show what was there before, because something was lost.

export class Losses {
  #sequence = null;
  #isDamaged = false;
  /** Messages that were marked. */
  count = 0;

  /** A session has begun. */
  start() {
    this.#sequence = null;
  }

  /**
   * Marks the message: after a loss, frames up to the next keyframe may be damaged. Whether messages before it are
   * missing.
   */
  note(message) {
    const isGap = this.#sequence !== null && message.sequence !== this.#sequence + 1n;
    this.#sequence = message.sequence;
    if (message.keyframe) this.#isDamaged = false;
    else if (message.lost || isGap) this.#isDamaged = true;
    message.damaged = this.#isDamaged;
    if (this.#isDamaged) this.count++;
    return isGap;
  }
}
