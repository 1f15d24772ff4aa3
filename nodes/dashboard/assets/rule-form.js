// The form of one rule: its kind, its numbers, and what it counts.

import { CHANGED } from "./ask.js";
import { KINDS } from "./event-text.js";
import { h, setAttribute, setText } from "./dom.js";
import { sentence } from "./refusal.js";
import { changeOf, fieldsOf, fieldsOfKind, KINDS_OF, typedOf } from "./rule-values.js";
import { numbersOf, pointsOf } from "./shapes.js";

const FIELDS = {
  name: ["Name", "a to z, digits, - and _"],
  kind: ["Kind"],
  after: ["After, seconds", "10"],
  at_least: ["Objects at least", "5"],
  edges: ["Edges, metres", "10, 3.5, 10, 3.5"],
  diagonal: ["Diagonal, metres", "none"],
  over: ["Faster than, km/h", "all"],
  direction: ["Direction"],
  objects: ["Classes", "all"],
  cameras: ["Cameras", "all"],
  enter: ["Inside for, seconds", "0.3"],
  leave: ["Outside for, seconds", "1"],
  band: ["Dead band, heights", "0.01"],
  min_score: ["Score at least", "0"],
  anchor: ["Anchor"],
};
const CHOICES = {
  direction: { "": "Both ways", in: "Inwards", out: "Outwards" },
  anchor: { "": "Bottom", centre: "Centre", top: "Top", left: "Left", right: "Right" },
};
const RARE = ["cameras", "enter", "leave", "band", "diagonal", "over", "min_score", "anchor"];

/** Forms so far: each has fields of its own. */
let made = 0;

export class RuleForm {
  #inputs = {};
  #labels = {};
  #numbers = h("input", { type: "text", class: "numbers", autocomplete: "off", spellcheck: "false", oninput: () => this.#typedNumbers(), onfocus: () => this.onSelect() });
  #rare = h("details", {}, h("summary", {}, "More"));
  #save = h("button", { type: "submit", class: "primary" });
  #discard = h("button", { type: "button", onclick: () => this.discard() }, "Discard");
  #remove = h("button", { type: "button", class: "remove", onclick: () => this.#askRemoval() }, "Remove");
  #status = h("p", { class: "form-status", role: "status" });
  #error = h("p", { class: "field-error", role: "alert" });
  #isAsking = false;
  #wrong = null;

  /**
   * `rule`: as the file has it, null for a new one; `shape`: zone or line. `onShape(points)`: typed; `onSelect()`;
   * `onGone()`: it was removed, or was never saved.
   */
  constructor(rule, { shape, points, file, camera, onShape, onSelect, onGone }) {
    Object.assign(this, { rule, shape, points, file, onShape, onSelect, onGone });
    const number = ++made;
    this.#numbers.id = `rule-${number}-numbers`;
    const kinds = Object.fromEntries(KINDS_OF[shape].map((kind) => [kind, KINDS[kind]]));
    for (const [name, [label, placeholder]] of Object.entries(FIELDS)) {
      const choices = name === "kind" ? kinds : CHOICES[name];
      const input = choices
        ? h("select", { name }, ...Object.entries(choices).map(([value, text]) => h("option", { value }, text)))
        : h("input", { type: "text", name, placeholder, autocomplete: "off", autocapitalize: "off", spellcheck: "false" });
      this.#inputs[name] = input;
      input.id = `rule-${number}-${name}`;
      this.#labels[name] = h("div", { class: "rule-field" }, h("label", { for: input.id }, label), input);
    }
    const usual = Object.keys(FIELDS).filter((name) => !RARE.includes(name));
    this.#rare.append(h("div", { class: "rule-fields" }, ...RARE.map((name) => this.#labels[name])));
    this.element = h("form", { class: `rule ${shape}`, novalidate: true, autocomplete: "off", oninput: () => this.#typed(), onfocusin: () => this.onSelect(), onsubmit: (event) => this.#submit(event) },
      h("div", { class: "rule-fields" }, ...usual.map((name) => this.#labels[name])),
      h("div", { class: "rule-field wide" }, h("label", { for: this.#numbers.id }, shape === "line" ? "Line: x y of each point" : "Zone: x y of each point"), this.#numbers),
      this.#rare,
      h("div", { class: "form-buttons" }, this.#save, this.#discard, this.#remove),
      this.#error, this.#status);
    this.#fill(rule ?? { name: "", kind: KINDS_OF[shape][0], fields: { cameras: camera }, points });
  }

  get label() {
    return this.#inputs.name.value.trim() || (this.shape === "line" ? "New line" : "New zone");
  }

  get isDirty() {
    if (!this.rule) return true;
    const { set, unset } = changeOf(this.#values, this.points, this.rule);
    return Object.keys(set).length > 0 || unset.length > 0 || this.#wrong !== null;
  }

  focus() {
    this.#inputs.name.focus();
  }

  select(isSelected) {
    this.element.classList.toggle("selected", isSelected);
  }

  /** It was drawn. */
  draw(points) {
    if (points === this.points) return;
    this.points = points;
    this.#wrong = null;
    this.#numbers.value = numbersOf("line", points);
    this.#typed();
  }

  /** The file has it so now: what was changed here stays. */
  follow(rule) {
    const isDirty = this.isDirty;
    this.rule = rule;
    if (isDirty) return;
    this.#fill(rule);
  }

  discard() {
    if (!this.rule) return this.onGone();
    this.#fill(this.rule);
    this.onShape(this.points);
  }

  get #values() {
    return Object.fromEntries(Object.entries(this.#inputs).map(([name, input]) => [name, input.value]));
  }

  #fill(rule) {
    for (const [name, value] of Object.entries(typedOf(rule))) this.#inputs[name].value = value;
    this.points = rule.points;
    this.#wrong = null;
    this.#numbers.value = numbersOf("line", rule.points);
    this.#say(null);
    this.#show();
  }

  #typed() {
    this.#say(null);
    this.#show();
  }

  #typedNumbers() {
    const { points, wrong } = pointsOf(this.shape === "line" ? "line" : "polygon", this.#numbers.value);
    this.#wrong = wrong;
    if (!points) return;
    this.points = points;
    this.onShape(points);
  }

  #show() {
    const shown = fieldsOfKind(this.#inputs.kind.value);
    for (const [name, label] of Object.entries(this.#labels)) label.hidden = !["name", "kind", ...shown].includes(name);
    setText(this.#save, this.rule ? "Save" : "Add rule");
    setAttribute(this.#numbers, "aria-invalid", this.#wrong ? "true" : null);
    this.#save.hidden = this.#discard.hidden = !this.isDirty;
    this.#remove.hidden = !this.rule;
    setText(this.#remove, this.#isAsking ? "Remove it from rules.yml" : "Remove");
  }

  #say(status, error = null) {
    this.#isAsking = false;
    setText(this.#status, status ?? "");
    setText(this.#error, error ?? "");
  }

  async #submit(event) {
    event.preventDefault();
    if (this.#wrong) return this.#say(null, `${this.#wrong}.`);
    const values = this.#values;
    const { points } = this;
    await this.#try(async () => {
      if (!this.rule) {
        await this.file.add(fieldsOf(values, this.shape, points));
        return this.onGone();
      }
      await this.file.change(this.rule, changeOf(values, points, this.rule));
      this.#say("Saved. It takes effect within a second.");
    });
  }

  async #askRemoval() {
    if (!this.#isAsking) {
      this.#say(null);
      this.#isAsking = true;
      return this.#show();
    }
    await this.#try(async () => {
      const { rule } = this;
      this.rule = null;
      await this.file.remove(rule).catch((refusal) => {
        this.rule = rule;
        throw refusal;
      });
      this.onGone();
    });
  }

  async #try(work) {
    try {
      await work();
    } catch (refusal) {
      const text = refusal.status === CHANGED ? "Someone else has changed the rules meanwhile: look at it, and save once more." : sentence(refusal.message.replace(/^.*?:\d+:\d+: /, ""));
      if (refusal.status === CHANGED) await this.file.load();
      this.#say(null, text);
    }
    this.#show();
  }
}
