// The test of a camera: how far it is, and what came of it.

import { h, setText } from "./dom.js";
import { sentence } from "./refusal.js";
import { codecName } from "./support.js";
import { rate } from "./text.js";

/** A camera that answers is watched for so long at most. */
const USUAL_SECONDS = 20;
const CLIENTS = { rtsp: "RTSP client", ffmpeg: "FFmpeg" };

export class Trial {
  #button = h("button", { type: "button", class: "test", onclick: () => this.#press() }, "Test");
  #status = h("p", { class: "trial-status", role: "status" });
  #seconds = h("span", { class: "trial-seconds" });
  #bar = h("progress", { max: USUAL_SECONDS, "aria-label": "Time of the test" });
  #progress = h("div", { class: "trial-progress", hidden: true }, this.#bar, this.#seconds);
  #found = h("div", { class: "trial-found" });
  #idle = h("p", { class: "trial-idle" }, "Connects with what is typed here, watches the camera for 6 to 20 seconds and shows a frame. Nothing is saved.");
  #running = null;
  #timer = 0;
  #tested = null;

  element = h("section", { class: "trial", "aria-labelledby": "trial-title" },
    h("header", {}, h("h2", { id: "trial-title" }, "Connection test"), this.#button),
    this.#idle, this.#status, this.#progress, this.#found);

  /** `prepare()` gives what is to be tested, or null; `current()` what is typed now; `test(camera, signal)`; `onRefused(refusal)` says whether it has shown it; `onFrame(source, width, height)`. */
  constructor({ prepare, current, test, onRefused, onFrame }) {
    Object.assign(this, { prepare, current, test, onRefused, onFrame });
  }

  get isRunning() {
    return this.#running !== null;
  }

  /** What was typed has changed: an older result is of something else. */
  compare() {
    const isOld = this.#tested !== null && !this.isRunning && !this.isOf(this.current());
    this.element.classList.toggle("old", isOld);
  }

  /** Whether the result is that of this. */
  isOf(camera) {
    return JSON.stringify(camera) === this.#tested;
  }

  /** What was tested is saved: nothing of it is typed any more. */
  adopt() {
    this.#tested = JSON.stringify(this.current());
    this.compare();
  }

  stop() {
    this.#running?.abort();
  }

  #press() {
    if (this.isRunning) this.stop();
    else this.run();
  }

  async run() {
    if (this.isRunning) return;
    const camera = this.prepare();
    if (!camera) return;
    const running = (this.#running = new AbortController());
    this.#tested = JSON.stringify(camera);
    this.element.classList.remove("old");
    this.#begin();
    try {
      const found = await this.test(camera, running.signal);
      this.#end("ok", "The camera plays.");
      this.#found.replaceChildren(...show(found));
      if (found.image) this.onFrame(found.image, found.width, found.height);
      this.element.scrollIntoView({ block: "nearest" });
    } catch (refusal) {
      if (refusal.name === "AbortError") this.#end("none", "Stopped.");
      else if (this.onRefused(refusal)) this.#end("bad", "Not tested: see the marked field.");
      else this.#end("bad", refusal.status === 502 ? `The camera does not play. ${sentence(refusal.message)}` : sentence(refusal.message));
    }
  }

  #begin() {
    const began = performance.now();
    this.#idle.hidden = true;
    this.#found.replaceChildren();
    setText(this.#button, "Stop");
    this.element.dataset.is = "running";
    // What changes each second is not read out.
    setText(this.#status, "Connecting and watching…");
    this.#progress.hidden = false;
    const tick = () => {
      const seconds = (performance.now() - began) / 1000;
      const isLong = seconds > USUAL_SECONDS;
      if (isLong) this.#bar.removeAttribute("value");
      else this.#bar.value = seconds;
      setText(this.#seconds, `${Math.floor(seconds)} s${isLong ? ": one that does not answer takes up to a minute" : ""}`);
    };
    tick();
    this.#timer = setInterval(tick, 250);
    this.element.scrollIntoView({ block: "nearest" });
  }

  #end(is, text) {
    clearInterval(this.#timer);
    this.#running = null;
    this.#progress.hidden = true;
    this.element.dataset.is = is;
    setText(this.#button, "Test again");
    setText(this.#status, text);
    this.compare();
  }
}

function show({ codec, width, height, frame_rate: frames, keyframe_interval: keyframes, bit_rate: bits, transport, client, remarks, image }) {
  const size = width && height ? `${width} × ${height}` : null;
  const rows = [
    ["Video", [codecName(codec), size].filter(Boolean).join(", ")],
    ["Frame rate", frames ? `${rate(frames)} frames/s` : "unknown"],
    ["Keyframes", keyframes ? `${keyframes.seconds.toFixed(1)} s apart, ${keyframes.frames} frames` : "no second one came"],
    ["Bit rate", bits ? bitRate(bits) : "unknown"],
    ["Received", `${transport.replace(/\b(?:tcp|udp)\b/g, (word) => word.toUpperCase())}, ${CLIENTS[client] ?? client}`],
  ];
  return [
    image ? h("img", { class: "trial-frame", src: image, width, height, alt: "A frame of the camera, taken during the test" }) : h("p", { class: "trial-none" }, "No frame could be decoded."),
    h("dl", { class: "figures" }, ...rows.map(([name, text]) => h("div", {}, h("dt", {}, name), h("dd", {}, text)))),
    h("h3", {}, remarks.length === 0 ? "Nothing unusual" : "Unusual"),
    h("ul", { class: "remarks" }, ...remarks.map((text) => h("li", {}, sentence(text)))),
  ];
}

function bitRate(bits) {
  return bits < 1e6 ? `${Math.round(bits / 1000)} kbit/s` : `${(bits / 1e6).toFixed(1)} Mbit/s`;
}
