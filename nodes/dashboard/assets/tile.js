// One camera in the grid.

import { h, setAttribute, setStateIcon, setText, stateIcon } from "./dom.js";
import { Note, viewOf } from "./note.js";
import { Screen } from "./screen.js";
import { count, millis, rate, STATE_NAMES, sum, UNKNOWN } from "./text.js";

export class Tile {
  screen = new Screen();
  element;
  button;
  /** Visible tiles are watched. */
  isVisible = false;
  #icon = stateIcon("unknown");
  #name = h("span", { class: "tile-name" });
  #fps = h("span", { class: "tile-fps" });
  #latency = h("span", { class: "tile-latency" });
  #drops = h("span", { class: "tile-drops" });
  #way = h("span", { class: "tile-way", hidden: true });
  #note = new Note();

  constructor(id, onOpen) {
    this.id = id;
    this.button = h(
      "button",
      { type: "button", class: "tile-button", tabindex: "-1", onclick: () => onOpen(id) },
      h("span", { class: "tile-picture" }, this.screen.canvas, this.#way, this.#note.element),
      h("span", { class: "tile-bar" }, this.#icon, this.#name, this.#drops, this.#latency, this.#fps),
    );
    this.element = h("li", { class: "tile", "data-camera": id }, this.button);
    setText(this.#name, id);
    this.#name.title = id;
  }

  update({ camera, feed, nowMs, isConnected }) {
    const view = viewOf(camera, isConnected, this.isVisible && feed.isWithoutFrames(camera, nowMs));
    setAttribute(this.element, "data-state", view.state);
    setStateIcon(this.#icon, view.state);
    const isLive = view.state === "live";
    setText(this.#fps, isLive ? `${rate(camera.fps)}/s` : isConnected ? STATE_NAMES[view.state] : UNKNOWN);
    setText(this.#latency, isLive && camera.latency_ms ? millis(camera.latency_ms.p50) : "");
    const dropped = sum(camera.dropped) + sum(camera.lost);
    setText(this.#drops, isConnected && dropped > 0 ? `${count(dropped)} dropped` : "");
    const { way } = feed.way;
    this.#way.hidden = way === "video" || way === "mse" || !isLive;
    setText(this.#way, way === "jpeg" ? "JPEG" : "no video");
    this.#way.title = feed.way.reason ?? "";
    this.#note.show(view, nowMs);
    setAttribute(this.button, "aria-label", spoken(camera, view));
  }

  dispose() {
    this.screen.dispose();
    this.element.remove();
  }
}

function spoken({ id, fps, latency_ms: latency }, { state, title, why }) {
  if (state !== "live") return [id, title, why].filter(Boolean).join(", ");
  const delay = latency ? `, ${millis(latency.p50)} latency` : "";
  return `${id}, live, ${rate(fps)} frames per second${delay}`;
}
