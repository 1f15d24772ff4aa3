// The fields of a camera's areas: drawn over its frame, and as numbers.

import { h, setAttribute, setText } from "./dom.js";
import { Field } from "./fields.js";
import { listText, numbersOf, pointsOf } from "./shapes.js";

/** The shapes of one kind: a row for each, with its numbers. */
export class ShapesField extends Field {
  #rows = [];
  #list = h("ul", { class: "shape-list", role: "list" });
  #begin;

  /** `options`: those of a layer of the drawing, which is given, and `label`, `hint`, `add`. */
  constructor({ name, label, hint, add, drawing, ...layer }) {
    super(name, hint);
    Object.assign(this, { drawing, kind: layer.kind, most: layer.most });
    drawing.layer(name, layer);
    // Pressed by a key, there is no pointer to draw with.
    this.#begin = h("button", { type: "button", onclick: ({ detail }) => drawing.begin(name, { isByKeyboard: detail === 0 }) }, add);
    this.element = h("fieldset", { class: `field shapes ${layer.tone}`, name, "aria-describedby": this.describedBy },
      h("legend", {}, h("span", { class: "swatch", "aria-hidden": "true" }), label), this.#list, this.#begin, ...this.texts);
    this.labelOf = layer.label ?? ((i) => (layer.most === 1 ? layer.noun : `${layer.noun} ${i + 1}`));
  }

  get target() {
    return this.#rows.find(({ wrong }) => wrong)?.input ?? this.#rows[0]?.input ?? this.#begin;
  }

  /** As the file has it, empty for none. What cannot be read as it was typed is as it was before. */
  get value() {
    if (this.#rows.length === 0) return "";
    const shapes = this.#rows.map(({ points }) => (this.kind === "rect" ? points.flat() : points));
    return listText(this.most === 1 ? shapes[0] : shapes);
  }

  set value(text) {
    const value = text === "" ? [] : JSON.parse(text);
    const shapes = value.length === 0 ? [] : this.most === 1 ? [value] : value;
    this.drawing.set(this.name, shapes.map((shape) => (this.kind === "rect" ? [shape.slice(0, 2), shape.slice(2)] : shape)));
    this.follow();
  }

  set error(text) {
    super.error = text;
    // What cannot be read stays marked.
    for (const { input, wrong } of this.#rows) if (wrong) setAttribute(input, "aria-invalid", "true");
  }

  /** What is wrong with what was typed; null: nothing. */
  get problem() {
    return this.#rows.find(({ wrong }) => wrong)?.wrong ?? null;
  }

  /** Takes what was drawn. */
  follow() {
    const shapes = this.drawing.get(this.name);
    while (this.#rows.length > shapes.length) this.#rows.pop().element.remove();
    shapes.forEach((points, i) => {
      if (!this.#rows[i]) {
        this.#rows[i] = this.#row(i);
        this.#list.append(this.#rows[i].element);
      }
      const row = this.#rows[i];
      if (row.points === points) return;
      Object.assign(row, { points, wrong: null });
      row.input.value = numbersOf(this.kind, points);
      setAttribute(row.input, "aria-invalid", null);
    });
    this.#begin.hidden = shapes.length >= this.most;
  }

  select(index) {
    this.#rows.forEach(({ element }, i) => element.classList.toggle("selected", i === index));
  }

  #row(i) {
    const label = this.labelOf(i);
    const input = h("input", {
      type: "text", class: "numbers", "aria-label": `${label}: numbers`, "aria-describedby": this.describedBy, autocomplete: "off", spellcheck: "false",
      onfocus: () => this.drawing.select(this.name, i),
      oninput: () => this.#typed(i),
    });
    const remove = h("button", { type: "button", "aria-label": `Remove ${label.toLowerCase()}`, onclick: () => this.#remove(i) }, "Remove");
    const name = this.most === 1 ? null : h("span", { class: "shape-name" });
    if (name) setText(name, String(i + 1));
    return { element: h("li", { class: "field-control" }, name, input, remove), input, points: null, wrong: null };
  }

  #typed(i) {
    const row = this.#rows[i];
    const { points, wrong } = pointsOf(this.kind, row.input.value);
    Object.assign(row, { wrong });
    setAttribute(row.input, "aria-invalid", wrong ? "true" : null);
    if (!points) return;
    row.points = points;
    this.drawing.set(this.name, this.drawing.get(this.name).with(i, points));
  }

  #remove(i) {
    this.drawing.remove(this.name, i);
    (this.#rows[Math.min(i, this.#rows.length - 1)]?.input ?? this.#begin).focus();
  }
}
