// The fields of a form: each with its label, a hint, and what is wrong with it beside it.

import { h, setAttribute, setText } from "./dom.js";

/** What all fields have: `value`, an error, a note, and a place for the focus. */
export class Field {
  #hint = h("p", { class: "field-hint" });
  #note = h("p", { class: "field-note", role: "status" });
  #error = h("p", { class: "field-error", role: "alert" });

  constructor(name, hint) {
    this.name = name;
    this.id = `field-${name}`;
    for (const [key, element] of [["hint", this.#hint], ["note", this.#note], ["error", this.#error]]) {
      element.id = `${this.id}-${key}`;
    }
    this.describedBy = [this.#hint, this.#note, this.#error].map(({ id }) => id).join(" ");
    this.hint = hint;
  }

  get texts() {
    return [this.#hint, this.#note, this.#error];
  }

  set hint(text) {
    setText(this.#hint, text ?? "");
  }

  /** What somebody else did to it; null: nothing. */
  set note(text) {
    setText(this.#note, text ?? "");
  }

  /** What is wrong with it; null: nothing. */
  set error(text) {
    setText(this.#error, text ?? "");
    setAttribute(this.target, "aria-invalid", text ? "true" : null);
    this.element.classList.toggle("invalid", Boolean(text));
  }

  get hasError() {
    return this.#error.textContent !== "";
  }

  focus() {
    this.target.focus();
  }
}

export class TextField extends Field {
  /** `attributes` are those of the input; `extra` is put beside it. */
  constructor({ name, label, hint, attributes = {}, extra = null }) {
    super(name, hint);
    this.input = h("input", {
      type: "text", id: this.id, name, autocomplete: "off", autocapitalize: "off", autocorrect: "off", spellcheck: "false",
      "aria-describedby": this.describedBy, ...attributes,
    });
    const control = h("div", { class: "field-control" }, this.input, extra);
    this.element = h("div", { class: "field" }, h("label", { for: this.id }, label), control, ...this.texts);
  }

  get target() {
    return this.input;
  }

  get value() {
    return this.input.value;
  }

  set value(text) {
    this.input.value = text;
  }

  set isDisabled(isDisabled) {
    this.input.disabled = isDisabled;
  }
}

/** A text that is not shown unless asked for. */
export class SecretField extends TextField {
  #button;

  constructor({ attributes = {}, ...options }) {
    const button = h("button", { type: "button", class: "reveal", "aria-pressed": "false" }, "Show");
    // A password manager would offer to remember it as the one of this page.
    super({ ...options, attributes: { ...attributes, type: "password", autocomplete: "new-password" }, extra: button });
    this.#button = button;
    setAttribute(button, "aria-label", "Show what is typed as password");
    button.addEventListener("click", () => this.#show(this.input.type === "password"));
  }

  get value() {
    return super.value;
  }

  set value(text) {
    super.value = text;
    this.#show(false);
  }

  set isDisabled(isDisabled) {
    super.isDisabled = isDisabled;
    this.#button.disabled = isDisabled;
  }

  #show(isShown) {
    this.input.type = isShown ? "text" : "password";
    setText(this.#button, isShown ? "Hide" : "Show");
    setAttribute(this.#button, "aria-pressed", String(isShown));
  }
}

/** One of a few values, all of them in sight. */
export class ChoiceField extends Field {
  #inputs = new Map();

  /** `choices`: value to label. */
  constructor({ name, label, hint, choices }) {
    super(name, hint);
    const each = Object.entries(choices).map(([value, text]) => {
      const input = h("input", { type: "radio", name, value, id: `${this.id}-${value || "default"}` });
      this.#inputs.set(value, input);
      return h("label", { class: "choice" }, input, h("span", {}, text));
    });
    this.element = h(
      "fieldset",
      { class: "field", "aria-describedby": this.describedBy },
      h("legend", {}, label),
      h("div", { class: "choices" }, ...each),
      ...this.texts,
    );
  }

  get target() {
    return [...this.#inputs.values()].find((input) => input.checked) ?? [...this.#inputs.values()][0];
  }

  get value() {
    return [...this.#inputs].find(([, input]) => input.checked)?.[0] ?? "";
  }

  set value(value) {
    for (const [own, input] of this.#inputs) input.checked = own === value;
  }
}

export class CheckField extends Field {
  constructor({ name, label, hint }) {
    super(name, hint);
    this.input = h("input", { type: "checkbox", id: this.id, name, "aria-describedby": this.describedBy });
    this.element = h("div", { class: "field" }, h("label", { class: "check" }, this.input, h("span", {}, label)), ...this.texts);
  }

  get target() {
    return this.input;
  }

  get value() {
    return this.input.checked;
  }

  set value(isChecked) {
    this.input.checked = isChecked;
  }
}
