// The last hour of one camera: small plots with their newest value, read off under the pointer.

import { h, setText, svg } from "./dom.js";
import { timeOfDay, UNKNOWN } from "./text.js";

const WIDTH = 300;
const HEIGHT = 64;
const STEPS = 360;

export class Plot {
  element;
  #value = h("b", {}, UNKNOWN);
  #top = h("span", { class: "plot-top" });
  #line = svg("path", { class: "plot-line" });
  #area = svg("path", { class: "plot-area" });
  #cursor = svg("line", { class: "plot-cursor", y1: 0, y2: HEIGHT, visibility: "hidden" });
  #from = h("span");
  #empty = h("span", { class: "plot-empty" }, "Nothing recorded yet");
  #values = [];
  #end = 0;
  #step = 10;
  #at = null;

  /** `format(value)` with its unit; bars for what is counted per step. */
  constructor(title, format) {
    this.format = format;
    const picture = svg(
      "svg",
      { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", class: "plot-picture", role: "img", "aria-label": `${title}, last hour` },
      this.#area, this.#line, this.#cursor,
    );
    picture.addEventListener("pointermove", (event) => this.#point(event, picture));
    picture.addEventListener("pointerleave", () => this.#point(null));
    this.element = h(
      "figure",
      { class: "plot" },
      h("figcaption", {}, h("span", {}, title), this.#value),
      h("div", { class: "plot-frame" }, picture, this.#top, this.#empty),
      h("div", { class: "plot-times", "aria-hidden": "true" }, this.#from, h("span", {}, "now")),
    );
  }

  /** Oldest first; null where unknown. */
  show(values, stepSeconds, endUnixMs) {
    this.#values = (values ?? []).slice(-STEPS);
    this.#end = endUnixMs;
    this.#step = stepSeconds;
    const known = this.#values.filter((value) => value !== null && value !== undefined);
    this.#empty.hidden = known.length > 0;
    const top = ceiling(Math.max(0, ...known));
    setText(this.#top, known.length > 0 ? this.format(top) : "");
    setText(this.#from, timeOfDay(endUnixMs - STEPS * stepSeconds * 1000));
    const { line, area } = paths(this.#values, top);
    this.#line.setAttribute("d", line);
    this.#area.setAttribute("d", area);
    this.#read();
  }

  #point(event, picture) {
    if (event) {
      const { left, width } = picture.getBoundingClientRect();
      const slot = Math.floor(((event.clientX - left) / width) * STEPS);
      this.#at = Math.max(0, Math.min(STEPS - 1, slot)) - (STEPS - this.#values.length);
    } else {
      this.#at = null;
    }
    this.#read();
  }

  #read() {
    const at = this.#at ?? this.#values.length - 1;
    const value = this.#values[at];
    const text = value === null || value === undefined ? UNKNOWN : this.format(value);
    const time = this.#end - (this.#values.length - at) * this.#step * 1000;
    setText(this.#value, this.#at === null ? text : `${text} at ${timeOfDay(time, { seconds: true })}`);
    const x = xOf(at, this.#values.length);
    this.#cursor.setAttribute("visibility", this.#at === null ? "hidden" : "visible");
    this.#cursor.setAttribute("x1", x);
    this.#cursor.setAttribute("x2", x);
  }
}

function xOf(i, length) {
  return ((STEPS - length + i + 0.5) / STEPS) * WIDTH;
}

/** The next of 1, 2, 5, 10, 20, ... that is not below. */
function ceiling(value) {
  if (value <= 0) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 5, 10].map((n) => n * power).find((n) => n >= value * 0.999);
}

function paths(values, top) {
  let line = "";
  let area = "";
  let from = null;
  const flush = (to) => {
    if (from !== null) area += `L${xOf(to, values.length)} ${HEIGHT}L${xOf(from, values.length)} ${HEIGHT}Z`;
    from = null;
  };
  values.forEach((value, i) => {
    if (value === null || value === undefined) return flush(i - 1);
    const point = `${xOf(i, values.length).toFixed(1)} ${(HEIGHT - (value / top) * (HEIGHT - 3) - 1).toFixed(1)}`;
    // A lone value is a short line, so that it is seen.
    line += from === null ? `M${point}h1` : `L${point}`;
    area += from === null ? `M${point}` : `L${point}`;
    from ??= i;
  });
  flush(values.length - 1);
  return { line, area };
}
