// The list of clips, with its filters.

import { beginText, contentText, lengthText, remarksOf, sizeText } from "./clip-text.js";
import { h, setAttribute, setText } from "./dom.js";
import { FilterForm, named } from "./filter-form.js";
import { playMark } from "./play-mark.js";
import { address } from "./route.js";
import { byId } from "./text.js";
import { viewSwitch } from "./view-switch.js";

export class ClipsView {
  #section = document.getElementById("clips-view");
  #switch = viewSwitch("clips");
  #form;
  #status = h("p", { class: "notice", role: "status" });
  #list = h("ul", { class: "event-list", role: "list", "aria-label": "Clips, the newest first" });
  #more = h("button", { type: "button", onclick: () => this.clips.load({ older: true }) }, "Older clips");
  #rows = new Map();
  #seen = new Set();
  #model = null;

  /** `onFilter(filter)`: another one is chosen. */
  constructor({ clips, onFilter }) {
    Object.assign(this, { clips, onFilter });
    this.#form = new FilterForm({ prefix: "clips", label: "Filter clips", selects: { camera: ["Camera", "All cameras"] }, onFilter });
    this.#section.append(
      h("div", { class: "view-top" }, h("h1", {}, "Clips"), this.#switch.element),
      this.#form.element, this.#status, this.#list, this.#more,
    );
    clips.addEventListener("change", () => this.#show());
  }

  /** `filter` is null while another view is open. */
  show(filter) {
    this.#section.hidden = filter === null;
    if (filter === null) return;
    this.clips.show(filter);
    this.#switch.show(filter);
    this.#form.show(filter);
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
    const { list, more, isLoading, isThere, error, filter } = this.clips;
    for (const { camera } of list) this.#seen.add(camera);
    this.#form.fill("camera", named([...new Set([...this.#seen, ...this.#model.cameras.keys()])].sort(byId)));
    const isFiltered = Object.keys(filter).length > 0;
    const none = isThere === false
      ? "This graph names no folder of clips to the page: its setting is RECORDINGS."
      : isFiltered ? "No clip fits." : "No clips yet. A clip is here when it is finished.";
    setText(this.#status, error ?? (list.length > 0 ? "" : isLoading ? "Loading…" : none));
    setAttribute(this.#status, "data-level", error ? "bad" : null);
    const shown = new Set(list.map(({ name }) => name));
    for (const [name, row] of this.#rows) {
      if (shown.has(name)) continue;
      row.remove();
      this.#rows.delete(name);
    }
    list.forEach((clip, i) => {
      if (!this.#rows.has(clip.name)) this.#rows.set(clip.name, rowOf(clip, this.#model.nowMs));
      const row = this.#rows.get(clip.name);
      if (this.#list.children[i] !== row) this.#list.insertBefore(row, this.#list.children[i] ?? null);
    });
    this.#more.hidden = more === null;
    this.#more.disabled = isLoading;
  }
}

/** A clip never changes once it is there. */
function rowOf(clip, nowMs) {
  const remarks = remarksOf(clip);
  const begin = new Date(clip.begin_unix_ms);
  return h("li", { class: "event-row clip-row", "data-clip": clip.name },
    h("span", { class: "event-image none", "aria-hidden": "true" }, playMark()),
    h("span", { class: "event-title" }, h("a", { class: "event-link", href: address({ view: "clip", clip: { name: clip.name, at: 0 } }) }, `${clip.camera}, ${lengthText(clip.seconds)}`)),
    h("span", { class: "event-where" }, [contentText(clip), ...remarks].join(" · ")),
    h("time", { class: "event-time", datetime: begin.toISOString() }, beginText(clip.begin_unix_ms, nowMs)),
    h("span", { class: "event-length" }, sizeText(clip.bytes)));
}
