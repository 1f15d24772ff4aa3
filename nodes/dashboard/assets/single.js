// One camera, large: its state, figures, drops by reason, the last hour, the last objects.

import { classColor } from "./colors.js";
import { Counts } from "./counts.js";
import { h, setAttribute, setStateIcon, setText, stateIcon } from "./dom.js";
import { countText } from "./event-text.js";
import { EventRow } from "./event-row.js";
import { Note, viewOf } from "./note.js";
import { Plot } from "./plots.js";
import { address } from "./route.js";
import { Screen } from "./screen.js";
import { settings, choose } from "./settings.js";
import { codecName } from "./support.js";
import { count, dropReason, duration, millis, rate, shortTrack, STATE_NAMES, timeOfDay, UNKNOWN } from "./text.js";

const HISTORY_MS = 10_000;
const OBJECTS_SHOWN = 12;
const EVENTS_SHOWN = 6;
const rowOf = new WeakMap();
/** A finger that moved so far sideways turns to the next camera. */
const SWIPE_PIXELS = 60;

export class Single {
  #section = document.getElementById("single-view");
  #icon = stateIcon("unknown");
  #name = h("h1");
  #state = h("span", { class: "single-state" });
  #note = new Note();
  #edit = h("a", { class: "button", title: "Change this camera (e)", hidden: true }, "Edit");
  #rules = h("a", { class: "button", title: "Zones and lines of this camera", hidden: true }, "Rules");
  #zones = h("button", { type: "button", class: "toggle", "aria-pressed": String(settings.zones), title: "Show zones and lines (z)", hidden: true, onclick: () => this.toggleZones() }, "Zones");
  #file = null;
  #picture = h("div", { class: "single-picture" });
  #figures = h("dl", { class: "figures" });
  #drops = h("tbody");
  #objects = h("ul", { class: "objects", role: "list" });
  #counts = new Counts();
  #events = h("ul", { class: "event-list", role: "list" });
  #allEvents = h("a", {}, "All events of this camera");
  #eventRows = [];
  #ofRules = [h("section", {}, h("h2", {}, "Counts"), this.#counts.element), h("section", {}, h("h2", {}, "Last events"), this.#events, this.#allEvents)];
  #plots = {
    fps: new Plot("Frames/s", (value) => rate(value)),
    latency_ms: new Plot("Latency (median)", millis),
    dropped: new Plot("Dropped in 10 s", (value) => count(Math.round(value))),
  };
  #screen = null;
  #id = null;
  #historyAt = -Infinity;

  constructor({ feeds, counters, onTurn, onBack }) {
    this.feeds = feeds;
    this.counters = counters;
    this.#section.append(
      h(
        "header",
        { class: "single-top" },
        h("button", { type: "button", class: "back", onclick: onBack, title: "All cameras (Escape)" }, "‹ Cameras"),
        this.#icon, this.#name, this.#state,
        h("span", { class: "turn" },
          this.#zones, this.#rules, this.#edit,
          h("button", { type: "button", class: "square", "aria-label": "Previous camera", title: "Previous camera (←)", onclick: () => onTurn(-1) }, "‹"),
          h("button", { type: "button", class: "square", "aria-label": "Next camera", title: "Next camera (→)", onclick: () => onTurn(1) }, "›")),
      ),
      h(
        "div",
        { class: "single-body" },
        h("div", { class: "single-main" }, this.#picture, h("div", { class: "plots" }, ...Object.values(this.#plots).map(({ element }) => element))),
        h(
          "aside",
          { class: "single-side" },
          h("section", {}, h("h2", {}, "Now"), this.#figures),
          ...this.#ofRules,
          h("section", {}, h("h2", {}, "Last objects"), this.#objects),
          h("section", {}, h("h2", {}, "Dropped frames"), h("table", { class: "drops" }, this.#drops)),
        ),
      ),
    );
    this.#watchSwipes(onTurn);
  }

  get id() {
    return this.#id;
  }

  setEditable(isEditable) {
    this.#edit.hidden = !isEditable;
  }

  /** The zones and lines of rules.yml, where the graph names one. */
  setRules(file) {
    this.#file = file;
    this.#rules.hidden = this.#zones.hidden = file.isThere !== true;
  }

  open(id, from) {
    if (id === this.#id) return;
    this.close();
    this.#id = id;
    this.#historyAt = -Infinity;
    this.#eventRows = [];
    this.#section.hidden = false;
    setAttribute(this.#allEvents, "href", address({ view: "events", events: { camera: id } }));
    this.loadEvents();
    this.#screen = new Screen({ hasRules: true });
    this.#picture.replaceChildren(this.#screen.canvas, this.#note.element);
    const screen = this.#screen;
    // Once it has its size: until the first frame, what the tile shows.
    if (from) requestAnimationFrame(() => requestAnimationFrame(() => screen === this.#screen && screen.copy(from)));
    this.feeds.of(id).screens.add(screen);
    setText(this.#name, id);
    setAttribute(this.#rules, "href", address({ view: "rules", id }));
    setAttribute(this.#edit, "href", address({ view: "edit", page: "camera", id }));
    for (const plot of Object.values(this.#plots)) plot.show([], 10, Date.now());
  }

  close() {
    if (this.#id === null) return;
    this.feeds.of(this.#id).screens.delete(this.#screen);
    this.#screen.dispose();
    this.#screen = null;
    this.#id = null;
    this.#section.hidden = true;
  }

  update(model) {
    if (this.#id === null) return;
    const camera = model.cameras.get(this.#id);
    const feed = this.feeds.of(this.#id);
    if (!camera) return this.#showMissing(model);
    const view = viewOf(camera, model.isConnected, feed.isWithoutFrames(camera, model.nowMs));
    setAttribute(this.#section, "data-state", view.state);
    setStateIcon(this.#icon, view.state);
    setText(this.#state, STATE_NAMES[view.state]);
    this.#note.show(view, model.nowMs);
    this.#showFigures(camera, feed, model.isConnected);
    this.#showDrops(camera, feed);
    this.#showObjects(feed, model.nowMs);
    this.#showEvents(model);
    this.#showHistory(model.isConnected);
  }

  #showMissing(model) {
    setAttribute(this.#section, "data-state", "unknown");
    setStateIcon(this.#icon, "unknown");
    setText(this.#state, model.isKnown ? "There is no such camera" : "Waiting for the server…");
    this.#note.element.hidden = true;
    this.#figures.replaceChildren();
    this.#drops.replaceChildren();
    this.#objects.replaceChildren();
  }

  #showFigures(camera, feed, isConnected) {
    const { way, reason } = feed.way;
    const isLive = isConnected && camera.state === "live";
    const latency = camera.latency_ms ?? {};
    const shown = this.counters.shownMs(camera.id);
    const size = camera.width && camera.height ? `${camera.width} × ${camera.height}` : null;
    const ways = { video: "the camera's own video", mse: "the camera's own video, by MSE", jpeg: "JPEG, at most 2 a second", none: "not shown" };
    const rows = [
      ["Frames/s", isLive ? rate(camera.fps) : UNKNOWN],
      ["Detected/s", isLive ? rate(camera.detected_fps) : UNKNOWN],
      ["Latency", isLive ? `${millis(latency.p50)}, p95 ${millis(latency.p95)}` : UNKNOWN, "From capture to detection"],
      ["On this screen", isLive && shown !== null ? `${millis(Math.max(0, shown))} after capture` : UNKNOWN, "Of the last frame; the camera's clock counts"],
      ["Video", [camera.codec && codecName(camera.codec), size].filter(Boolean).join(", ") || UNKNOWN],
      ["Shown as", !isLive ? UNKNOWN : reason ? `${ways[way] ?? way}: ${reason}` : (ways[way] ?? way)],
      ["Received", count(camera.received)],
      ["Detected", count(camera.detected)],
      camera.not_selected ? ["Not selected", count(camera.not_selected), "Frames that the camera's detection rate leaves out"] : null,
      camera.client ? ["Received with", camera.client] : null,
    ].filter(Boolean);
    // Rows stay, their texts change: a selection of text survives.
    while (this.#figures.children.length < rows.length) this.#figures.append(h("div", {}, h("dt"), h("dd")));
    while (this.#figures.children.length > rows.length) this.#figures.lastChild.remove();
    rows.forEach(([name, value, title], i) => {
      const [term, text] = this.#figures.children[i].children;
      setText(term, name);
      setText(text, value);
      setAttribute(this.#figures.children[i], "title", title ?? null);
    });
  }

  #showDrops(camera, feed) {
    const rows = [
      ...Object.entries(camera.dropped ?? {}).map(([key, frames]) => ({ ...dropReason(key), frames })),
      ...Object.entries(camera.lost ?? {}).map(([stage, frames]) => ({ stage, reason: "lost with its process", frames })),
    ].filter(({ frames }) => frames > 0);
    rows.sort((a, b) => b.frames - a.frames);
    if (feed.viewerDropped > 0) rows.push({ stage: "this page", reason: "too slow for this camera", frames: feed.viewerDropped });
    const { errors, lastError, damaged } = feed.player;
    if (damaged > 0) rows.push({ stage: "this page", reason: "shown with artefacts after a loss", frames: damaged });
    if (errors > 0) rows.push({ stage: "this page", reason: `decoder errors (${lastError})`, frames: errors });
    const known = JSON.stringify(rows);
    if (this.#drops.dataset.known === known) return;
    this.#drops.dataset.known = known;
    this.#drops.replaceChildren(
      ...(rows.length === 0
        ? [h("tr", {}, h("td", { class: "none" }, "None"))]
        : rows.map(({ stage, reason, frames }) => h("tr", {}, h("th", { scope: "row" }, reason, h("small", {}, stage)), h("td", {}, count(frames))))),
    );
  }

  #showObjects(feed, nowMs) {
    // By when they came: rows keep their order while objects stay.
    const objects = [...feed.objects.values()].sort((a, b) => b.first - a.first || Number(b.track) - Number(a.track)).slice(0, OBJECTS_SHOWN);
    this.#objects.replaceChildren(
      ...(objects.length === 0
        ? [h("li", { class: "none" }, "None since this page was opened")]
        : objects.map((object) => objectRow(object, nowMs))),
    );
  }

  toggleZones() {
    choose("zones", !settings.zones);
    setAttribute(this.#zones, "aria-pressed", String(settings.zones));
  }

  /** Asks for the last events of the camera. */
  async loadEvents() {
    const id = this.#id;
    if (id === null) return;
    try {
      const answer = await fetch(`/api/events?camera=${encodeURIComponent(id)}&limit=${EVENTS_SHOWN}`, { cache: "no-store" });
      if (answer.ok && id === this.#id) this.takeEvents((await answer.json()).events);
    } catch {
      // The connection's own line says that the server is gone.
    }
  }

  takeEvents(events) {
    for (const event of events.filter(({ camera }) => camera === this.#id)) {
      this.#eventRows = this.#eventRows.filter(({ event: known }) => known !== event.event);
      this.#eventRows.push(event);
    }
    this.#eventRows.sort((a, b) => b.number - a.number).splice(EVENTS_SHOWN);
  }

  /** Where the graph has rules, what they say of this camera. */
  #showEvents(model) {
    const counts = model.counts.filter(({ camera }) => camera === this.#id);
    const countOf = (name) => counts.find(({ rule }) => rule === name);
    const rules = this.#file?.of(this.#id) ?? [];
    this.feeds.of(this.#id).rules = rules.map(({ name, points, is_line: isLine }) => ({
      points, isLine, text: countOf(name) ? `${name}: ${countText(countOf(name))}` : name,
    }));
    this.#counts.update(counts);
    this.#ofRules[0].hidden = counts.length === 0;
    this.#ofRules[1].hidden = this.#eventRows.length === 0;
    while (this.#events.children.length > this.#eventRows.length) this.#events.lastChild.remove();
    this.#eventRows.forEach((event, i) => {
      const known = rowOf.get(this.#events.children[i]);
      const row = known ?? new EventRow();
      if (!known) {
        rowOf.set(row.element, row);
        this.#events.append(row.element);
      }
      row.update(event, model.nowMs);
    });
  }

  async #showHistory(isConnected) {
    if (!isConnected || performance.now() - this.#historyAt < HISTORY_MS) return;
    this.#historyAt = performance.now();
    const id = this.#id;
    try {
      const answer = await fetch(`/api/history?camera=${encodeURIComponent(id)}`, { cache: "no-store" });
      if (!answer.ok) return;
      const { step_s: step, end_unix_ms: end, cameras } = await answer.json();
      if (id !== this.#id) return;
      for (const [key, plot] of Object.entries(this.#plots)) plot.show(cameras[id]?.[key], step, end);
    } catch {
      // The connection's own line says that the server is gone.
    }
  }

  #watchSwipes(onTurn) {
    let start = null;
    this.#picture.addEventListener("touchstart", ({ touches }) => (start = touches.length === 1 ? touches[0] : null), { passive: true });
    this.#picture.addEventListener("touchend", ({ changedTouches: [end] }) => {
      if (!start) return;
      const [dx, dy] = [end.clientX - start.clientX, end.clientY - start.clientY];
      if (Math.abs(dx) > SWIPE_PIXELS && Math.abs(dx) > 2 * Math.abs(dy)) onTurn(dx < 0 ? 1 : -1);
    });
  }
}

function objectRow({ track, label, id, conf, attributes, first, last }, nowMs) {
  const color = h("span", { class: "swatch", "aria-hidden": "true" });
  color.style.backgroundColor = classColor(id, label);
  const isThere = nowMs - last < 2000;
  const seen = isThere ? `here for ${duration(last - first)}` : `until ${timeOfDay(last, { seconds: true })}`;
  return h(
    "li",
    { class: isThere ? "here" : null, title: `track ${track}` },
    color,
    h("span", { class: "object-name" }, [...attributes, label].join(" "), h("small", {}, ` #${shortTrack(track)}`)),
    h("span", { class: "object-conf" }, `${Math.round(conf * 100)} %`),
    h("span", { class: "object-seen" }, seen),
  );
}
