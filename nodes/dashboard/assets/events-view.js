// The list of events, with its filters.

import { EventRow } from "./event-row.js";
import { KINDS } from "./event-text.js";
import { h, setAttribute, setText } from "./dom.js";
import { FilterForm, named } from "./filter-form.js";
import { byId } from "./text.js";
import { viewSwitch } from "./view-switch.js";

export class EventsView {
  #section = document.getElementById("events-view");
  #switch = viewSwitch("events");
  #form;
  #status = h("p", { class: "notice", role: "status" });
  #list = h("ul", { class: "event-list", role: "list", "aria-label": "Events, the newest first" });
  #more = h("button", { type: "button", onclick: () => this.events.load({ older: true }) }, "Older events");
  #rows = new Map();
  #model = null;

  /** `onFilter(filter)`: another one is chosen. */
  constructor({ events, onFilter }) {
    Object.assign(this, { events, onFilter });
    const selects = { camera: ["Camera", "All cameras"], class: ["Class", "All classes"], kind: ["Kind", "All kinds"] };
    this.#form = new FilterForm({ prefix: "events", label: "Filter events", selects, onFilter });
    this.#switch.element.hidden = true;
    this.#section.append(
      h("div", { class: "view-top" }, h("h1", {}, "Events"), this.#switch.element),
      this.#form.element, this.#status, this.#list, this.#more,
    );
    this.#form.fill("kind", new Map(Object.entries(KINDS)));
    events.addEventListener("change", () => this.#show());
  }

  /** `filter` is null while another view is open. */
  show(filter) {
    this.#section.hidden = filter === null;
    if (filter === null) return;
    this.events.show(filter);
    this.#switch.show(filter);
    this.#form.show(filter);
  }

  /** Whether the graph names a folder of clips to the page. */
  setClips(isThere) {
    this.#switch.element.hidden = !isThere;
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

  #show() {
    if (this.#section.hidden || !this.#model) return;
    const { list, more, isLoading, error, seen } = this.events;
    this.#form.fill("camera", named([...new Set([...seen.camera, ...this.#model.cameras.keys()])].sort(byId)));
    this.#form.fill("class", named([...seen.class].sort()));
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
