// Where a clip is, and where its events are: a slider.

import { h, setAttribute } from "./dom.js";
import { clipTime } from "./clip-text.js";

/** Places on the slider. */
const STEPS = 10_000;

export class SeekBar {
  #input = h("input", { type: "range", min: 0, max: STEPS, step: 1, value: 0, "aria-label": "Position", oninput: () => this.onSeek((this.#input.value / STEPS) * this.#seconds) });
  #marks = h("span", { class: "seek-marks", "aria-hidden": "true" });
  element = h("div", { class: "seek-bar" }, this.#marks, this.#input);
  #seconds = 0;

  /** `onSeek(seconds)` */
  constructor({ onSeek }) {
    this.onSeek = onSeek;
  }

  /** A clip of so many seconds with these events. */
  show(seconds, events) {
    this.#seconds = seconds;
    const place = (at) => `${(100 * Math.max(0, Math.min(at, seconds))) / (seconds || 1)}%`;
    this.#marks.replaceChildren(...events.map(({ begin_at: begin, end_at: end }) => {
      const mark = h("span", { class: "seek-mark" });
      mark.style.left = place(begin);
      mark.style.right = `calc(100% - ${place(Math.max(begin, end ?? seconds))})`;
      return mark;
    }));
  }

  update(at, clock) {
    const value = String(Math.round((at / (this.#seconds || 1)) * STEPS));
    if (this.#input.value !== value) this.#input.value = value;
    this.element.style.setProperty("--part", at / (this.#seconds || 1));
    setAttribute(this.#input, "aria-valuetext", `${clipTime(at, { tenths: false })} of ${clipTime(this.#seconds, { tenths: false })}${clock ? `, ${clock}` : ""}`);
  }
}
