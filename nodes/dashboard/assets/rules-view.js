// The rules of one camera: its zones and lines over its frames, and a form of each.

import { Drawing } from "./drawing.js";
import { h, setAttribute, setText } from "./dom.js";
import { sentence } from "./refusal.js";
import { RuleForm } from "./rule-form.js";
import { Screen } from "./screen.js";

const LOOK_MS = 10_000;
const SHAPES = { zone: "polygon", line: "line" };
const MOST = 64;

export class RulesView {
  #section = document.getElementById("rules-view");
  #back = h("button", { type: "button", class: "back", onclick: () => this.onBack() });
  #title = h("h1");
  #why = h("p", { class: "notice", role: "status" });
  #drawing = new Drawing({
    onChange: (shape) => this.#drawn(shape),
    onSelect: (shape, index) => this.#forms.forEach((form) => form.select(form === this.#of(shape)[index])),
  });
  #adds = Object.keys(SHAPES).map((shape) =>
    h("button", { type: "button", onclick: ({ detail }) => this.#drawing.begin(shape, { isByKeyboard: detail === 0 }) }, `Add ${shape}`));
  #list = h("div", { class: "rules" });
  #body = h("div", { class: "rules-body", hidden: true }, h("div", { class: "rules-frame" }, this.#drawing.element, h("div", { class: "form-buttons" }, ...this.#adds)), this.#list);
  #forms = [];
  #id = null;
  #screen = null;
  #lookedAt = -Infinity;

  constructor({ file, feeds, onBack }) {
    Object.assign(this, { file, feeds, onBack });
    for (const [shape, kind] of Object.entries(SHAPES)) {
      this.#drawing.layer(shape, { kind, noun: shape, most: MOST, tone: shape, isFixed: true, label: (i) => `${shape === "zone" ? "Zone" : "Line"} “${this.#of(shape)[i]?.label ?? "new"}”` });
    }
    this.#section.append(h("header", { class: "single-top edit-top" }, this.#back, this.#title), this.#why, this.#body);
    file.addEventListener("change", () => this.#follow());
    window.addEventListener("beforeunload", (event) => {
      if (this.#forms.some((form) => form.isDirty)) event.preventDefault();
    });
  }

  /** `id` is null while another view is open. */
  show(id) {
    this.#section.hidden = id === null;
    if (id === this.#id) return;
    if (this.#screen) {
      this.feeds.of(this.#id).screens.delete(this.#screen);
      this.#screen.dispose();
      this.#screen = null;
      this.#drawing.live = null;
    }
    this.#id = id;
    this.#forms = [];
    if (id === null) return;
    setText(this.#back, `‹ ${id}`);
    setText(this.#title, `Rules of ${id}`);
    this.#screen = new Screen({ onFrame: (size) => this.#drawing.framed(size) });
    this.#drawing.live = this.#screen.canvas;
    this.feeds.of(id).screens.add(this.#screen);
    this.#lookedAt = -Infinity;
    this.#follow();
  }

  update(model) {
    if (this.#id === null || !model.isConnected || performance.now() - this.#lookedAt < LOOK_MS) return;
    this.#lookedAt = performance.now();
    this.file.load();
  }

  get isDrawing() {
    return this.#drawing.isDrawing;
  }

  #of(shape) {
    return this.#forms.filter((form) => form.shape === shape);
  }

  /** Takes the file's rules: forms stay, with what was changed in them. */
  #follow() {
    if (this.#id === null) return;
    const { isThere, rules, error } = this.file;
    const why = isThere === false ? "The graph names no rules.yml to its dashboard: set RULES in the dashboard's env: of the graph."
      : error !== null ? `The file cannot be used as it is. ${sentence(error)}` : rules === null ? "Waiting for the server…" : "";
    setText(this.#why, why);
    setAttribute(this.#why, "data-level", error !== null ? "bad" : null);
    this.#body.hidden = rules === null;
    if (rules === null) return;
    const known = new Map(this.#forms.filter(({ rule }) => rule).map((form) => [form.rule.name, form]));
    const own = this.file.of(this.#id);
    const names = new Set(own.map(({ name }) => name));
    const forms = own.map((rule) => {
      // A rule that was given another name is where it was.
      const renamed = () => [...known.values()].find((form) => form.rule.index === rule.index && !names.has(form.rule.name));
      const form = known.get(rule.name) ?? renamed();
      if (!form) return this.#form(rule, { shape: rule.is_line ? "line" : "zone", points: rule.points });
      form.follow(rule);
      return form;
    });
    this.#forms = [...forms, ...this.#forms.filter(({ rule }) => !rule)];
    this.#show();
  }

  #form(rule, { shape, points }) {
    const form = new RuleForm(rule, {
      shape, points, file: this.file, camera: this.#id,
      onShape: () => this.#draw(),
      onSelect: () => this.#drawing.select(shape, this.#of(shape).indexOf(form)),
      onGone: () => {
        this.#forms = this.#forms.filter((it) => it !== form);
        this.#show();
      },
    });
    return form;
  }

  #show() {
    this.#list.replaceChildren(...(this.#forms.length > 0
      ? this.#forms.map(({ element }) => element)
      : [h("p", { class: "notice" }, "This camera has no rules yet.")]));
    this.#draw();
  }

  #draw() {
    for (const shape of Object.keys(SHAPES)) this.#drawing.set(shape, this.#of(shape).map(({ points }) => points));
  }

  #drawn(shape) {
    const shapes = this.#drawing.get(shape);
    const forms = this.#of(shape);
    forms.forEach((form, i) => shapes[i] && form.draw(shapes[i]));
    if (shapes.length <= forms.length) return;
    const form = this.#form(null, { shape, points: shapes.at(-1) });
    this.#forms.push(form);
    this.#show();
    form.focus();
  }
}
