// What is wrong with a camera, in the words of the operator: over its last frame.

import { h, setText } from "./dom.js";
import { duration, since, STATE_NAMES } from "./text.js";

/** What an operator should read of a camera's state; `title` is null where the frame alone says it. */
export function viewOf(camera, isConnected, isWithoutFrames) {
  const nothing = { title: null, why: null, todo: null, detail: null, from: null };
  if (!isConnected) return { ...nothing, state: "unknown", title: "Not connected" };
  const { state, why, todo, detail } = camera;
  if (state === "live" && isWithoutFrames) {
    return { ...nothing, state: "stalled", title: "No frames reach this page", why: "the camera is live" };
  }
  if (state === "live") return { ...nothing, state };
  return { state, title: STATE_NAMES[state] ?? state, why, todo, detail, from: camera.since_unix_ms ?? null };
}

export class Note {
  #title = h("span");
  #age = h("span", { class: "note-age" });
  #why = h("span", { class: "note-why" });
  #todo = h("span", { class: "note-todo" });
  #detail = h("span", { class: "note-detail" });
  element = h("span", { class: "note", hidden: true }, h("strong", {}, this.#title, this.#age), this.#why, this.#todo, this.#detail);

  show({ title, why, todo, detail, from }, nowMs) {
    this.element.hidden = title === null;
    if (title === null) return;
    setText(this.#title, from === null ? title : `${title} since ${since(from, nowMs)}`);
    setText(this.#age, from === null ? "" : ` (${duration(nowMs - from)})`);
    setText(this.#why, why ?? "");
    setText(this.#todo, todo ?? "");
    setText(this.#detail, detail ?? "");
  }
}
