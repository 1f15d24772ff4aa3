// The keys, and what the signs mean.

import { h, stateIcon } from "./dom.js";
import { STATE_NAMES } from "./text.js";

const KEYS = [
  [["←", "↑", "→", "↓"], "move between cameras; in the single view, previous and next"],
  [["Enter"], "open the camera"],
  [["Esc"], "back to all cameras"],
  [["/"], "filter by name"],
  [["g"], "graph, and back"],
  [["b"], "boxes"],
  [["t"], "trails"],
  [["+", "−", "0"], "larger, smaller, fitting tiles"],
  [["d"], "theme: system, light, dark"],
  [["?"], "this list"],
];

export class Help {
  #dialog = document.getElementById("help-dialog");

  constructor() {
    this.#dialog.append(
      h("h2", { id: "help-title" }, "Keys"),
      h("dl", { class: "keys" }, ...KEYS.map(([keys, text]) => h("div", {}, h("dt", {}, ...keys.map((key) => h("kbd", {}, key))), h("dd", {}, text)))),
      h("h2", {}, "Signs"),
      h("ul", { class: "signs", role: "list" },
        ...Object.entries(STATE_NAMES).map(([state, name]) => h("li", { "data-state": state }, stateIcon(state), ` ${name}`))),
      h("p", {}, "A solid box was detected in exactly the frame that you see. A dashed box is of an earlier frame: this one was not looked at, or its detections came too late."),
      h("form", { method: "dialog" }, h("button", {}, "Close")),
    );
    this.#dialog.addEventListener("click", ({ target }) => target === this.#dialog && this.#dialog.close());
    document.getElementById("help").addEventListener("click", () => this.open());
  }

  open() {
    if (!this.#dialog.open) this.#dialog.showModal();
  }
}
