// A camera's removal: asked for once more, in place.

import { h, setText } from "./dom.js";

export class Removal {
  #button = h("button", { type: "button", class: "remove", onclick: () => this.#ask(true) }, "Remove camera");
  #question = h("p", { id: "removal-question" });
  #yes = h("button", { type: "button", class: "danger", onclick: () => this.#remove() }, "Remove");
  #no = h("button", { type: "button", onclick: () => this.#ask(false) }, "Keep");
  #error = h("p", { class: "field-error", role: "alert" });
  #asking = h("div", { class: "removal-asking", role: "group", "aria-labelledby": "removal-question", hidden: true },
    this.#question, h("div", { class: "removal-buttons" }, this.#yes, this.#no));

  element = h("section", { class: "removal", "aria-label": "Removal" }, this.#button, this.#asking, this.#error);

  /** `remove()` does it, or throws why not. */
  constructor({ id, remove }) {
    this.remove = remove;
    setText(this.#question, `Remove “${id}” from cameras.yml? Its session ends, and its lines go from the file, with user, password and areas.`);
  }

  get isAsking() {
    return !this.#asking.hidden;
  }

  keep() {
    this.#ask(false);
  }

  #ask(isAsking) {
    this.#asking.hidden = !isAsking;
    this.#button.hidden = isAsking;
    setText(this.#error, "");
    (isAsking ? this.#no : this.#button).focus();
    if (isAsking) this.element.scrollIntoView({ block: "nearest" });
  }

  async #remove() {
    this.#yes.disabled = true;
    try {
      await this.remove();
    } catch (refusal) {
      this.#ask(false);
      setText(this.#error, refusal.message);
    } finally {
      this.#yes.disabled = false;
    }
  }
}
