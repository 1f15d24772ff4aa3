// Fields by which a list is filtered: some choices, and from when until when.

import { h } from "./dom.js";

export class FilterForm {
  #selects;
  #times;
  #clear = h("button", { type: "button", onclick: () => this.onFilter({}) }, "Clear");
  element;

  /** `selects`: by name of the field its label and what stands for all; `onFilter(filter)`: another one is chosen. */
  constructor({ prefix, label, selects, onFilter }) {
    this.onFilter = onFilter;
    this.#selects = Object.fromEntries(Object.entries(selects).map(([name, [text, all]]) => [name, select(prefix, name, text, all)]));
    this.#times = { since: time(prefix, "since", "From"), until: time(prefix, "until", "Until") };
    const fields = [...Object.values(this.#selects), ...Object.values(this.#times)];
    this.element = h("form", { class: "event-filters", role: "search", "aria-label": label, onsubmit: (event) => event.preventDefault(), onchange: () => onFilter(this.#chosen) },
      ...fields.map(({ element }) => element), this.#clear);
  }

  show(filter) {
    for (const [name, { input }] of Object.entries(this.#selects)) {
      // What was chosen by the address may not have been seen.
      if (filter[name] && ![...input.options].some(({ value }) => value === filter[name])) input.append(new Option(filter[name], filter[name]));
      if (input.value !== (filter[name] ?? "")) input.value = filter[name] ?? "";
    }
    for (const [name, { input }] of Object.entries(this.#times)) {
      const value = filter[name] ? localTime(Number(filter[name])) : "";
      if (input !== document.activeElement && input.value !== value) input.value = value;
    }
    this.#clear.hidden = Object.keys(filter).length === 0;
  }

  /** Adds choices (value to text) that are new, so that what is chosen stays. */
  fill(name, options) {
    const { input } = this.#selects[name];
    const known = new Map([...input.options].slice(1).map((option) => [option.value, option]));
    if ([...options.keys()].every((value) => known.has(value))) return;
    const chosen = input.value;
    const all = new Map([...[...known].map(([value, { text }]) => [value, text]), ...options]);
    input.replaceChildren(input.options[0], ...[...all].map(([value, text]) => new Option(text, value)));
    input.value = chosen;
  }

  get #chosen() {
    const values = {};
    for (const [name, { input }] of Object.entries(this.#selects)) if (input.value) values[name] = input.value;
    for (const [name, { input }] of Object.entries(this.#times)) {
      const at = new Date(input.value).getTime();
      if (Number.isFinite(at)) values[name] = String(at);
    }
    return values;
  }
}

/** Choices whose text is their value. */
export function named(values) {
  return new Map(values.map((value) => [value, value]));
}

function select(prefix, name, label, all) {
  const input = h("select", { id: `${prefix}-${name}`, name }, h("option", { value: "" }, all));
  return { input, element: h("div", { class: "event-filter" }, h("label", { for: input.id }, label), input) };
}

function time(prefix, name, label) {
  const input = h("input", { type: "datetime-local", id: `${prefix}-${name}`, name, step: 1 });
  return { input, element: h("div", { class: "event-filter" }, h("label", { for: input.id }, label), input) };
}

function localTime(unixMs) {
  const date = new Date(unixMs);
  return new Date(unixMs - date.getTimezoneOffset() * 60_000).toISOString().slice(0, 19);
}
