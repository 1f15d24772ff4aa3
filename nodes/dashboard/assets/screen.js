// A canvas that shows one camera's frames with what was detected in them.

import { drawDetections, drawTrails } from "./overlay.js";
import { drawRules } from "./rules-overlay.js";
import { settings } from "./settings.js";

/** More pixels than this are not seen, and cost. */
const WIDTH_LIMIT = 2560;

export class Screen {
  canvas = document.createElement("canvas");
  #context = this.canvas.getContext("2d", { alpha: false });
  #observer = new ResizeObserver(([entry]) => this.#resize(entry.contentRect));
  #size = { width: 0, height: 0 };
  /** Device pixels per CSS pixel when the size was set, and the canvas's own. */
  #deviceRatio = window.devicePixelRatio;
  #ratio = 1;
  #isShown = true;

  /** `onFrame({ width, height })`: a frame of this size, upright, was drawn. `hasRules`: with zones and lines. */
  constructor({ onFrame = null, hasRules = false } = {}) {
    Object.assign(this, { onFrame, hasRules });
    this.canvas.setAttribute("aria-hidden", "true");
    this.#observer.observe(this.canvas);
  }

  dispose() {
    this.#observer.disconnect();
  }

  /**
   * Draws a frame, and over it what is known of it: `scene` has `detections`, those of this frame or null, `earlier`,
   * those of the last frame that had any, `trails` and `rules`. `probe`, if any, sees the frame without boxes.
   */
  draw(image, message, scene, probe) {
    if (!this.#isShown) return;
    // Nothing tells that the window went to another display.
    if (this.#deviceRatio !== window.devicePixelRatio) this.#resize(this.#size);
    const context = this.#context;
    const area = this.#place(image, message);
    probe?.(this.canvas, area, message);
    if (this.hasRules && settings.zones && scene.rules.length > 0) drawRules(context, area, scene.rules);
    if (settings.trails) drawTrails(context, area, scene.trails);
    if (!settings.boxes) return;
    if (scene.detections) drawDetections(context, area, scene.detections, true);
    else if (scene.earlier) drawDetections(context, area, scene.earlier, false);
  }

  /** What another screen shows, until the first frame of its own. */
  copy(screen) {
    const { canvas } = this;
    if (screen.canvas.width > 1 && canvas.width > 1) {
      this.#context.drawImage(screen.canvas, 0, 0, canvas.width, canvas.height);
    }
  }

  clear() {
    this.#context.clearRect(0, 0, this.canvas.width, this.canvas.height);
  }

  #place(image, { rotation, mirrored }) {
    const { canvas } = this;
    const context = this.#context;
    const width = image.displayWidth ?? image.videoWidth ?? image.width;
    const height = image.displayHeight ?? image.videoHeight ?? image.height;
    const isTurned = rotation % 2 === 1;
    const upright = isTurned ? { width: height, height: width } : { width, height };
    const scale = Math.min(canvas.width / upright.width, canvas.height / upright.height);
    const area = { width: upright.width * scale, height: upright.height * scale, ratio: this.#ratio };
    this.onFrame?.(upright);
    area.x = (canvas.width - area.width) / 2;
    area.y = (canvas.height - area.height) / 2;
    if (area.x > 0.5 || area.y > 0.5) this.clear();
    if (rotation === 0 && !mirrored) {
      context.drawImage(image, area.x, area.y, area.width, area.height);
      return area;
    }
    context.save();
    context.translate(canvas.width / 2, canvas.height / 2);
    // Points are rotated first and then mirrored.
    if (mirrored) context.scale(-1, 1);
    context.rotate((rotation * Math.PI) / 2);
    context.drawImage(image, (-width * scale) / 2, (-height * scale) / 2, width * scale, height * scale);
    context.restore();
    return area;
  }

  #resize({ width, height }) {
    // In a view that is not shown.
    this.#isShown = width > 0 && height > 0;
    if (!this.#isShown) return;
    const { canvas } = this;
    this.#size = { width, height };
    this.#deviceRatio = window.devicePixelRatio;
    this.#ratio = Math.min(this.#deviceRatio || 1, WIDTH_LIMIT / width);
    const [w, h] = [Math.round(width * this.#ratio), Math.round(height * this.#ratio)];
    if (w === canvas.width && h === canvas.height) return;
    // A canvas loses its content with its size: keep it until the next frame.
    const old = document.createElement("canvas");
    old.width = canvas.width;
    old.height = canvas.height;
    old.getContext("2d").drawImage(canvas, 0, 0);
    canvas.width = w;
    canvas.height = h;
    this.#context.drawImage(old, 0, 0, w, h);
  }
}
