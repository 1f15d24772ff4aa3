// The keys, and what the signs mean.

import { NO_FILE } from "./camera-file.js";
import { h, stateIcon, svg } from "./dom.js";
import { STATE_NAMES } from "./text.js";

const KEYS = [
  [["←", "↑", "→", "↓"], "move between cameras; in the single view, previous and next"],
  [["Enter"], "open the camera"],
  [["Esc"], "back to all cameras"],
  [["/"], "filter by name"],
  [["v"], "events, and back"],
  [["g"], "graph, and back"],
  [["e"], "edit cameras; in the single view, this one"],
  [["b"], "boxes"],
  [["t"], "trails"],
  [["z"], "zones and lines, in the single view"],
  [["+", "−", "0"], "larger, smaller, fitting tiles"],
  [["d"], "theme: system, light, dark"],
  [["Space"], "in a clip: play, pause"],
  [["←", "→"], "in a clip: 5 seconds back, on"],
  [[",", "."], "in a clip: previous frame, next frame"],
  [["<", ">"], "in a clip: slower, faster"],
  [["p", "n"], "previous and next clip of the camera"],
  [["?"], "this list"],
];

export class Help {
  #dialog = document.getElementById("help-dialog");
  #noFile = h("p", { hidden: true }, NO_FILE);

  constructor() {
    this.#dialog.append(
      h("h2", { id: "help-title" }, "Keys"),
      h("dl", { class: "keys" }, ...KEYS.map(([keys, text]) =>
        h("div", { "data-key": keys[0] }, h("dt", {}, ...keys.map((key) => h("kbd", {}, key))), h("dd", {}, text)))),
      this.#noFile,
      h("h2", {}, "Signs"),
      h("ul", { class: "signs", role: "list" },
        ...Object.entries(STATE_NAMES).map(([state, name]) => h("li", { "data-state": state }, stateIcon(state), ` ${name}`))),
      h("h2", {}, "Boxes"),
      h("dl", { class: "boxes" },
        h("div", {}, h("dt", {}, sample(false), "solid"), h("dd", {}, "detected in exactly the frame that you see")),
        h("div", {}, h("dt", {}, sample(true), "dashed"), h("dd", {}, "of an earlier frame, at most a second old: this one was not looked at, or its detections came too late"))),
      h("form", { method: "dialog" }, h("button", {}, "Close")),
    );
    this.#dialog.addEventListener("click", ({ target }) => target === this.#dialog && this.#dialog.close());
    document.getElementById("help").addEventListener("click", () => this.open());
  }

  /** Whether cameras can be changed; null: not known yet. */
  setEditable(isEditable) {
    this.#noFile.hidden = isEditable !== false;
    this.#dialog.querySelector('[data-key="e"]').hidden = isEditable === false;
  }

  open() {
    if (!this.#dialog.open) this.#dialog.showModal();
  }
}

function sample(isDashed) {
  const dashes = isDashed ? { "stroke-dasharray": "4 4" } : {};
  const box = svg("rect", { x: 2, y: 2, width: 22, height: 14, fill: "none", stroke: "currentColor", "stroke-width": 2, ...dashes });
  return svg("svg", { viewBox: "0 0 26 18", class: "box-sample", "aria-hidden": "true" }, box);
}
