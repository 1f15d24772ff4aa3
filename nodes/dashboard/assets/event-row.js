// One event of a list.

import { classColor } from "./colors.js";
import { h, setAttribute, setText } from "./dom.js";
import { KINDS, lengthOf, titleOf } from "./event-text.js";
import { playMark } from "./play-mark.js";
import { address } from "./route.js";
import { since, timeOfDay } from "./text.js";

export class EventRow {
  #image = h("img", { class: "event-image", alt: "", width: 96, height: 72, loading: "lazy", decoding: "async", hidden: true, onerror: () => this.#lose() });
  #none = h("span", { class: "event-image none", "aria-hidden": "true" });
  #play = h("span", { class: "event-play", title: "Play the clip", hidden: true }, playMark());
  #swatch = h("span", { class: "swatch", "aria-hidden": "true" });
  #link = h("a", { class: "event-link" });
  #where = h("span", { class: "event-where" });
  #time = h("time", { class: "event-time" });
  #length = h("span", { class: "event-length" });
  /** Which one it shows. */
  #event = null;
  #isLost = false;

  element = h("li", { class: "event-row" }, this.#none, this.#image, this.#play,
    h("span", { class: "event-title" }, this.#swatch, this.#link), this.#where, this.#time, this.#length);

  update(event, nowMs) {
    if (event.event !== this.#event) [this.#event, this.#isLost] = [event.event, false];
    const hasImage = event.image && !this.#isLost;
    this.#image.hidden = !hasImage;
    this.#none.hidden = hasImage;
    if (hasImage) setAttribute(this.#image, "src", `/api/events/${encodeURIComponent(event.event)}/image`);
    setAttribute(this.element, "data-event", event.event);
    setAttribute(this.element, "data-phase", event.phase);
    setText(this.#link, titleOf(event));
    this.#play.hidden = !event.clip;
    setAttribute(this.#link, "href", event.clip ? address({ view: "clip", clip: event.clip }) : address({ view: "camera", id: event.camera }));
    setAttribute(this.#link, "title", event.clip ? "Play the clip" : null);
    this.#swatch.hidden = !event.label;
    this.#swatch.style.backgroundColor = event.label ? classColor(undefined, event.label) : "";
    setText(this.#where, `${event.camera} · ${KINDS[event.kind] ?? event.kind}${event.tracks.length > 0 ? ` · #${event.tracks[0].slice(-4)}` : ""}`);
    const began = new Date(event.began_unix_ms);
    const isToday = began.toDateString() === new Date(nowMs).toDateString();
    setText(this.#time, isToday ? timeOfDay(event.began_unix_ms, { seconds: true }) : since(event.began_unix_ms, nowMs));
    setAttribute(this.#time, "datetime", began.toISOString());
    setText(this.#length, lengthOf(event, nowMs));
  }

  /** It was kept for a while only. */
  #lose() {
    this.#isLost = true;
    this.#image.hidden = true;
    this.#none.hidden = false;
  }
}
