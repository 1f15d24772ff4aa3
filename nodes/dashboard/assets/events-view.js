// The list of events, with its filters.

import { EventRow } from "./event-row.js";
import { KINDS } from "./event-text.js";
import { h, setAttribute, setText } from "./dom.js";
import { byId } from "./text.js";

export class EventsView {
  #section = document.getElementById("events-view");
  #selects = {
    camera: select("camera", "Camera", "All cameras"),
    class: select("class", "Class", "All classes"),
    kind: select("kind", "Kind", "All kinds"),
  };
  #times = { since: time("since", "From"), until: time("until", "Until") };
  #clear = h("button", { type: "button", onclick: () => this.onFilter({}) }, "Clear");
  #status = h("p", { class: "notice", role: "status" });
  #list = h("ul", { class: "event-list", role: "list", "aria-label": "Events, the newest first" });
  #more = h("button", { type: "button", onclick: () => this.events.load({ older: true }) }, "Older events");
  #rows = new Map();
  #model = null;

  /** `onFilter(filter)`: another one is chosen. */
  constructor({ events, onFilter }) {
    Object.assign(this, { events, onFilter });
    const fields = [...Object.values(this.#selects), ...Object.values(this.#times)];
    this.#section.append(
      h("h1", {}, "Events"),
      h("form", { class: "event-filters", role: "search", "aria-label": "Filter events", onsubmit: (event) => event.preventDefault(), onchange: () => onFilter(this.#chosen) },
        ...fields.map(({ element }) => element), this.#clear),
      this.#status, this.#list, this.#more,
    );
    fill(this.#selects.kind, new Map(Object.entries(KINDS)));
    events.addEventListener("change", () => this.#show());
  }

  /** `filter` is null while another view is open. */
  show(filter) {
    this.#section.hidden = filter === null;
    if (filter === null) return;
    this.events.show(filter);
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

  update(model) {
    this.#model = model;
    if (!this.#section.hidden) this.#show();
  }

  /** Moves the focus by so many rows; false where there is none. */
  move(rows) {
    const links = [...this.#list.querySelectorAll(".event-link")];
    const at = links.indexOf(document.activeElement);
    const link = links[at < 0 ? 0 : at + rows];
    link?.focus();
    return link !== undefined;
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

  #show() {
    if (this.#section.hidden || !this.#model) return;
    const { list, more, isLoading, error, seen } = this.events;
    fill(this.#selects.camera, named([...new Set([...seen.camera, ...this.#model.cameras.keys()])].sort(byId)));
    fill(this.#selects.class, named([...seen.class].sort()));
    const isFiltered = Object.keys(this.events.filter).length > 0;
    const none = isFiltered ? "No event fits." : "No events yet. They come from the rules in rules.yml, where the graph has an analytics node.";
    setText(this.#status, error ?? (list.length > 0 ? "" : isLoading ? "Loading…" : none));
    setAttribute(this.#status, "data-level", error ? "bad" : null);
    const shown = new Set(list.map(({ event }) => event));
    for (const [event, row] of this.#rows) {
      if (shown.has(event)) continue;
      row.element.remove();
      this.#rows.delete(event);
    }
    list.forEach((event, i) => {
      if (!this.#rows.has(event.event)) this.#rows.set(event.event, new EventRow());
      const row = this.#rows.get(event.event);
      row.update(event, this.#model.nowMs);
      if (this.#list.children[i] !== row.element) this.#list.insertBefore(row.element, this.#list.children[i] ?? null);
    });
    this.#more.hidden = more === null;
    this.#more.disabled = isLoading;
  }
}

function named(values) {
  return new Map(values.map((value) => [value, value]));
}

function select(name, label, all) {
  const input = h("select", { id: `events-${name}`, name }, h("option", { value: "" }, all));
  return { input, element: h("div", { class: "event-filter" }, h("label", { for: input.id }, label), input) };
}

function time(name, label) {
  const input = h("input", { type: "datetime-local", id: `events-${name}`, name, step: 1 });
  return { input, element: h("div", { class: "event-filter" }, h("label", { for: input.id }, label), input) };
}

/** Adds those that are new, so that what is chosen stays. */
function fill({ input }, options) {
  const known = new Map([...input.options].slice(1).map((option) => [option.value, option]));
  if ([...options.keys()].every((value) => known.has(value))) return;
  const chosen = input.value;
  const all = new Map([...[...known].map(([value, { text }]) => [value, text]), ...options]);
  input.replaceChildren(input.options[0], ...[...all].map(([value, text]) => new Option(text, value)));
  input.value = chosen;
}

function localTime(unixMs) {
  const date = new Date(unixMs);
  return new Date(unixMs - date.getTimezoneOffset() * 60_000).toISOString().slice(0, 19);
}
