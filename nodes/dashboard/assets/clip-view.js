// One clip: it plays with the boxes of exactly the frame that is shown, and its events beside it.

import { ask } from "./ask.js";
import { ClipControls } from "./clip-controls.js";
import { ClipFrames, parseSidecar } from "./clip-frames.js";
import { ClipPlayer } from "./clip-player.js";
import { beginText, clipTime, clockTime, codecText, eventText, lengthText, remarksOf, sizeText } from "./clip-text.js";
import { classColor } from "./colors.js";
import { h, setAttribute, setText } from "./dom.js";
import { address } from "./route.js";
import { mimeType } from "./support.js";

const SKIP_S = 5;
/** Events begin between frames too. */
const NEAR_S = 0.1;
const REMOVED = "This clip is not there any more: it has been removed.";
const NO_ANSWER = "The server does not answer.";

export class ClipView {
  #section = document.getElementById("clip-view");
  #back = h("button", { type: "button", class: "back", title: "Back to the list (Escape)", onclick: () => this.onBack() }, "‹ Back");
  #camera = h("a", { title: "This camera, live" });
  #begin = h("time", { class: "single-state" });
  #previous = turnLink("‹", "Previous clip of this camera (p)");
  #next = turnLink("›", "Next clip of this camera (n)");
  #download = h("a", { class: "button", title: "Download this clip as MP4", download: true }, "Download");
  #note = h("div", { class: "note", role: "alert", hidden: true });
  #stage = h("div", { class: "clip-stage", onclick: () => this.toggle() });
  #remarks = h("p", { class: "clip-remarks" });
  #events = h("ul", { class: "clip-events", role: "list" });
  #facts = h("dl", { class: "figures" });
  #name = null;
  #found = null;
  #frames = null;
  /** The sidecar's, with buttons. */
  #marks = [];

  /** `onBack()`; `onTurn(name)`: to another clip; `onPlace(at)`: it stands there now, for the address. */
  constructor({ counters, onBack, onTurn, onPlace }) {
    Object.assign(this, { counters, onBack, onTurn, onPlace });
    this.player = new ClipPlayer({ probe: () => counters.probe });
    this.controls = new ClipControls(this.player);
    counters.clip = () => ({ ...this.player.tally, unsure: this.player.unsure, drawn: this.player.drawn, seconds: this.player.seconds, isSettled: this.player.isSettled });
    this.#stage.append(this.player.video, this.player.screen.canvas, this.#note);
    this.#section.append(
      h("header", { class: "single-top" }, this.#back, h("h1", {}, this.#camera), this.#begin,
        h("span", { class: "turn" }, this.#download, this.#previous, this.#next)),
      h("div", { class: "single-body" },
        h("div", { class: "single-main" }, this.#stage, this.controls.element, this.#remarks),
        h("aside", { class: "single-side" },
          h("section", {}, h("h2", {}, "Events"), this.#events),
          h("section", {}, h("h2", {}, "Clip"), this.#facts))),
    );
    this.player.addEventListener("change", () => this.#update());
    this.player.addEventListener("fail", () => this.#explain());
    this.player.addEventListener("settled", () => this.#place());
  }

  /** `clip` is `{ name, at }`, or null while another view is open. */
  show(clip) {
    this.#section.hidden = clip === null;
    if (clip === null) this.#close();
    else if (clip.name !== this.#name) this.#open(clip);
  }

  /** The address names another time of the same clip. */
  seekTo(at) {
    if (this.#found) this.player.seek(at);
  }

  /** The server has other clips: the neighbours may be others, or this one gone. */
  async changed() {
    const name = this.#name;
    if (name === null) return;
    try {
      const { previous, next } = await ask("GET", `/api/clips/${encodeURIComponent(name)}`);
      if (name === this.#name) this.#setTurns(previous, next);
    } catch {
      // What plays goes on as long as it can.
    }
  }

  redraw() {
    if (this.#name !== null) this.player.redraw();
  }

  toggle() {
    if (!this.#found || !this.#note.hidden) return;
    if (this.player.isPaused) this.player.play();
    else this.player.pause();
  }

  skip(steps) {
    this.player.seek(this.player.seconds + steps * SKIP_S);
  }

  turn(step) {
    const link = step < 0 ? this.#previous : this.#next;
    if (link.dataset.name) this.onTurn(link.dataset.name);
  }

  #close() {
    this.player.close();
    this.#name = this.#found = this.#frames = null;
  }

  async #open({ name, at }) {
    this.#close();
    this.#name = name;
    this.#say(null);
    this.#marks = [];
    setText(this.#remarks, "");
    this.#events.replaceChildren();
    this.#facts.replaceChildren();
    this.#setTurns(null, null);
    const path = `/api/clips/${encodeURIComponent(name)}`;
    setAttribute(this.#download, "href", `${path}/video?download`);
    setText(this.#camera, name.replace(/-[^-]*$/, ""));
    setAttribute(this.#camera, "href", address({ view: "camera", id: this.#camera.textContent }));
    setText(this.#begin, "");
    this.controls.show(0, []);
    try {
      const [{ clip, previous, next }, sidecar] = await Promise.all([ask("GET", path), readSidecar(path)]);
      if (name !== this.#name) return;
      this.#found = clip;
      this.#setTurns(previous, next);
      this.#frames = new ClipFrames(sidecar);
      this.#showFacts(clip, sidecar);
      this.#showEvents(sidecar.events);
      this.controls.show(clip.seconds, sidecar.events);
    } catch (refusal) {
      if (name === this.#name) this.#say(refusal.status === 404 ? REMOVED : refusal.status === 0 ? NO_ANSWER : refusal.message);
      return;
    }
    if (this.#cannotPlay()) return;
    const isStill = window.matchMedia("(prefers-reduced-motion: reduce)").matches;
    this.player.open(`${path}/video`, this.#frames, { at, isPlaying: !isStill, rate: this.controls.speed });
    this.controls.setSpeed(this.controls.speed);
    if (!this.player.isExact) setText(this.#remarks, "This browser does not say which frame it shows: there are no boxes.");
  }

  #setTurns(previous, next) {
    for (const [link, name] of [[this.#previous, previous], [this.#next, next]]) {
      setAttribute(link, "href", name ? address({ view: "clip", clip: { name, at: 0 } }) : null);
      setAttribute(link, "aria-disabled", name ? null : "true");
      link.dataset.name = name ?? "";
    }
  }

  #showFacts(clip, sidecar) {
    const begin = new Date(clip.begin_unix_ms);
    setText(this.#begin, beginText(clip.begin_unix_ms, Date.now()));
    setAttribute(this.#begin, "datetime", begin.toISOString());
    this.#stage.style.aspectRatio = `${clip.width || 16} / ${clip.height || 9}`;
    setText(this.#remarks, remarksOf(clip).map((text) => `This clip ${text}.`).join(" "));
    const looked = sidecar.frames.filter(({ detections }) => detections).length;
    const rows = [
      ["Begins", `${begin.toLocaleDateString()}, ${clockTime(clip.begin_unix_ms)}`],
      ["Length", `${lengthText(clip.seconds)}, ${sidecar.frame_count.toLocaleString("en")} frames`],
      ["Detections", `in ${looked.toLocaleString("en")} frames`],
      ["Video", `${codecText(clip.codec)}, ${clip.width} × ${clip.height}`],
      ["Size", sizeText(clip.bytes)],
    ];
    this.#facts.replaceChildren(...rows.map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value))));
  }

  #showEvents(events) {
    this.#marks = events.map((event) => {
      const swatch = h("span", { class: "swatch", "aria-hidden": "true" });
      if (event.label) swatch.style.backgroundColor = classColor(undefined, event.label);
      swatch.hidden = !event.label;
      const title = eventText(event);
      const button = h("button", { type: "button", class: "clip-event", onclick: () => this.player.seek(Math.max(0, event.begin_at)) },
        h("span", { class: "clip-event-at" }, clipTime(event.begin_at)), swatch, h("span", { class: "clip-event-title" }, title));
      return { event, button };
    });
    this.#events.replaceChildren(...(events.length === 0 ? [h("li", { class: "none" }, "None in this clip")] : this.#marks.map(({ button }) => h("li", {}, button))));
  }

  #update() {
    if (!this.#found) return;
    const { index, seconds } = this.player;
    this.controls.update(index === null ? null : this.#frames.capturedMs(index));
    for (const { event, button } of this.#marks) {
      const isNow = seconds + NEAR_S >= event.begin_at && seconds <= Math.max(event.end_at ?? Infinity, event.begin_at + 1);
      setAttribute(button, "aria-current", isNow ? "true" : null);
    }
  }

  #place() {
    if (this.#found && this.player.isSettled) this.onPlace(this.player.place);
  }

  /** Says so where this browser has no decoder for it; a browser that does not know is let try. */
  #cannotPlay() {
    if (!this.#found.codec || this.player.video.canPlayType(mimeType(this.#found.codec)) !== "") return false;
    this.#say(`This browser does not play ${codecText(this.#found.codec)}.`);
    return true;
  }

  /** Why it does not play: also when it was removed while it did. */
  async #explain() {
    const name = this.#name;
    const reason = this.player.video.error?.message;
    let text = `This browser cannot play the clip${reason ? `: ${reason}` : ""}.`;
    try {
      await ask("GET", `/api/clips/${encodeURIComponent(name)}`);
    } catch (refusal) {
      text = refusal.status === 404 ? REMOVED : refusal.status === 0 ? NO_ANSWER : refusal.message;
    }
    if (name === this.#name) this.#say(text);
  }

  #say(text) {
    this.#note.hidden = text === null;
    this.#download.hidden = text === REMOVED;
    this.controls.element.inert = text !== null;
    if (text === null) return this.#note.replaceChildren();
    const link = text === REMOVED || text === NO_ANSWER ? null : h("a", { href: this.#download.getAttribute("href"), download: true }, "Download it instead");
    this.#note.replaceChildren(h("strong", {}, text), ...(link ? [link] : []));
  }
}

async function readSidecar(path) {
  const answer = await fetch(`${path}/sidecar`, { cache: "no-store" }).catch(() => null);
  if (!answer) throw Object.assign(new Error(NO_ANSWER), { status: 0 });
  if (!answer.ok) throw Object.assign(new Error(`The server answered ${answer.status}.`), { status: answer.status });
  return parseSidecar(await answer.text());
}

function turnLink(text, title) {
  return h("a", { class: "button square", title, "aria-label": title.replace(/ \(.*/, "") }, text);
}
