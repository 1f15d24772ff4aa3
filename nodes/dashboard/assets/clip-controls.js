// The controls of a clip: playing, single frames, position, speed.

import { clipTime, clockTime } from "./clip-text.js";
import { h, setAttribute, setText, svg } from "./dom.js";
import { SeekBar } from "./seek-bar.js";

export const SPEEDS = [0.25, 0.5, 1, 2, 4];
const SHAPES = {
  play: "M4 2.500v11l9-5.500z",
  pause: "M3.500 2.500h3v11h-3zM9.500 2.500h3v11h-3z",
  back: "M11 3v10L5.500 8zM3 3h2v10H3z",
  forward: "M5 3v10l5.500-5zM11 3h2v10h-2z",
};

export class ClipControls {
  #play = iconButton("play", "Play (space)", () => this.#player.isPaused ? this.#player.play() : this.#player.pause());
  #back = iconButton("back", "Previous frame (,)", () => this.#player.step(-1));
  #forward = iconButton("forward", "Next frame (.)", () => this.#player.step(1));
  #at = h("b");
  #end = h("span");
  #clock = h("time", { class: "clip-clock", title: "When the frame was captured" });
  #speed = h("select", { id: "clip-speed", onchange: () => this.setSpeed(Number(this.#speed.value)) },
    ...SPEEDS.map((speed) => h("option", { value: speed }, `${speed}×`)));
  #bar = new SeekBar({ onSeek: (seconds) => this.#player.seek(seconds) });
  element = h("div", { class: "clip-controls", role: "group", "aria-label": "Playing" },
    this.#bar.element,
    h("div", { class: "clip-buttons" },
      this.#back, this.#play, this.#forward,
      h("span", { class: "clip-times" }, h("span", { class: "clip-time" }, this.#at, " / ", this.#end), this.#clock),
      h("label", { class: "clip-speed", for: "clip-speed" }, "Speed", this.#speed)),
  );
  #player;
  #seconds = 0;
  /** Kept from clip to clip. */
  speed = 1;

  constructor(player) {
    this.#player = player;
    this.#speed.value = "1";
  }

  show(seconds, events) {
    this.#seconds = seconds;
    setText(this.#end, clipTime(seconds));
    this.#bar.show(seconds, events);
  }

  setSpeed(speed) {
    this.speed = speed;
    this.#speed.value = String(speed);
    this.#player.video.playbackRate = speed;
  }

  /** To the next speed, up or down. */
  turnSpeed(step) {
    const at = SPEEDS.indexOf(this.speed) + step;
    if (at in SPEEDS) this.setSpeed(SPEEDS[at]);
  }

  /** `capturedMs`: of the frame that is shown, or null. */
  update(capturedMs) {
    const { seconds, isPaused } = this.#player;
    const at = Math.min(seconds, this.#seconds);
    const clock = capturedMs === null ? "" : clockTime(capturedMs);
    setText(this.#at, clipTime(at));
    setText(this.#clock, clock);
    this.#bar.update(at, clock);
    setIcon(this.#play, isPaused ? "play" : "pause");
    setAttribute(this.#play, "aria-label", isPaused ? "Play" : "Pause");
    setAttribute(this.#play, "title", isPaused ? "Play (space)" : "Pause (space)");
  }
}

function iconButton(icon, title, onclick) {
  const button = h("button", { type: "button", class: "square", title, "aria-label": title.replace(/ \(.*/, ""), onclick },
    svg("svg", { viewBox: "0 0 16 16", "aria-hidden": "true" }, svg("path", { fill: "currentColor" })));
  setIcon(button, icon);
  return button;
}

function setIcon(button, icon) {
  setAttribute(button.querySelector("path"), "d", SHAPES[icon]);
}
