// What the rules of a camera have counted.

import { countText, KINDS } from "./event-text.js";
import { h } from "./dom.js";

export class Counts {
  #body = h("tbody");
  element = h("table", { class: "counts" }, this.#body);

  update(counts) {
    const rows = counts.map((count) => ({ rule: count.rule, kind: KINDS[count.kind] ?? count.kind, text: countText(count) }));
    const known = JSON.stringify(rows);
    if (this.#body.dataset.known === known) return;
    this.#body.dataset.known = known;
    this.#body.replaceChildren(...rows.map(({ rule, kind, text }) =>
      h("tr", { "data-rule": rule }, h("th", { scope: "row" }, rule, h("small", {}, kind)), h("td", {}, text))));
  }
}
