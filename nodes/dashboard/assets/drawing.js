// Shapes drawn over a camera's frame: by mouse, by touch, and by keyboard.

import { h, setAttribute, setText, svg } from "./dom.js";
import { corners, isClosed, isRect, moved, placed, POINTS, rect, shifted, split, standard, withCorner } from "./shapes.js";

/** One press of an arrow key, in parts of the frame; with Shift. */
const STEP = 0.01;
const FINE_STEP = 0.001;
/** So near to the first point (CSS pixels), a click closes a polygon. */
const NEAR_PIXELS = 16;
/** How far the arrow of a line goes from it. */
const ARROW_PIXELS = 28;
/** A second click within this time and distance is a double click. */
const DOUBLE_MS = 350;
const HELP = {
  rect: "Drag a rectangle over the frame. Escape leaves it out.",
  line: "Click its points, and the last one again, or Done, to end it. Backspace takes the last point back, Escape leaves it out.",
  polygon: "Click its points, and the first one again, or Done, to close it. Backspace takes the last point back, Escape leaves it out.",
};
const IDLE = "Choose a shape to change it: drag it or its points, or a small point to add one. Arrow keys move what has the focus, with Shift in small steps, Insert adds a point, Delete removes one.";

export class Drawing {
  #layers = new Map();
  #selected = null;
  /** `{ layer, points, at }` while a new shape is drawn. */
  #draft = null;
  /** `{ pointer, begin, move(to) }` while something is dragged. */
  #drag = null;
  #pressed = null;
  #size = { width: 1, height: 1 };
  #still = h("img", { class: "drawing-still", alt: "", hidden: true });
  #live = h("div", { class: "drawing-live" });
  #shapes = svg("g");
  #sketch = svg("g", { class: "sketch" });
  #svg = svg("svg", { class: "drawing-shapes" }, this.#shapes, this.#sketch);
  #none = h("p", { class: "drawing-none" }, "No frame of this camera yet: a test takes one");
  #stage = h("div", { class: "drawing-stage", role: "group", tabindex: "-1", "aria-label": "Areas, over the camera's frame" }, this.#still, this.#live, this.#none, this.#svg);
  #help = h("p", { class: "field-hint", role: "status" });
  #done = h("button", { type: "button", onclick: () => this.#finish() }, "Done");
  #cancel = h("button", { type: "button", onclick: () => this.cancel() }, "Cancel");
  #tools = h("div", { class: "drawing-tools", hidden: true }, this.#done, this.#cancel);

  element = h("div", { class: "drawing" }, this.#stage, h("div", { class: "drawing-below" }, this.#help, this.#tools));

  /** `onChange(layer)` after each change; `onSelect(layer, index)`. */
  constructor({ onChange, onSelect = () => {} }) {
    Object.assign(this, { onChange, onSelect });
    new ResizeObserver(([entry]) => this.#resize(entry.contentRect)).observe(this.#stage);
    this.#svg.addEventListener("pointerdown", (event) => this.#down(event));
    this.#svg.addEventListener("pointermove", (event) => this.#move(event));
    for (const name of ["pointerup", "pointercancel"]) this.#svg.addEventListener(name, (event) => this.#up(event));
    this.element.addEventListener("keydown", (event) => this.#key(event));
    this.#svg.addEventListener("focusin", ({ target }) => this.#focused(target));
    this.#show();
  }

  /** A kind of shapes that may be drawn: `kind` of shapes.js, `noun`, how many at `most`, and `tone` for its colour; those that are `isFixed` are not removed here. */
  layer(name, { kind, noun, most, tone, isFixed = false, label = (i) => (most === 1 ? noun : `${noun} ${i + 1}`) }) {
    this.#layers.set(name, { name, kind, noun, most, tone, isFixed, label, shapes: [] });
  }

  set(name, shapes) {
    this.#layers.get(name).shapes = shapes;
    this.#show();
  }

  get(name) {
    return this.#layers.get(name).shapes;
  }

  get isDrawing() {
    return this.#draft !== null;
  }

  /** What frames are drawn on. */
  set live(canvas) {
    this.#live.replaceChildren(...(canvas ? [canvas] : []));
    if (!canvas) this.#stage.classList.remove("has-live");
  }

  /** A frame of this size was drawn. */
  framed({ width, height }) {
    this.#stage.classList.add("has-live");
    this.#shape(width, height);
  }

  /** What to show while there are no frames. */
  showStill(source, width, height) {
    this.#still.src = source;
    this.#still.hidden = false;
    this.#shape(width, height);
  }

  #shape(width, height) {
    this.#none.hidden = true;
    if (width && height) this.#stage.style.setProperty("--aspect", String(width / height));
  }

  /** Begins a new shape; `isByKeyboard`: one in the middle, which has the focus. */
  begin(name, { isByKeyboard = false } = {}) {
    const layer = this.#layers.get(name);
    if (layer.shapes.length >= layer.most) return;
    this.#selected = null;
    this.#draft = null;
    if (isByKeyboard) return this.#add(layer, standard(layer.kind), true);
    this.#draft = { layer, points: [], at: null };
    this.#show();
    // Its keys are those of the drawing.
    this.#stage.focus({ preventScroll: true });
    this.#stage.scrollIntoView({ block: "nearest" });
  }

  cancel() {
    this.#draft = null;
    this.#show();
  }

  remove(name, index) {
    this.#layers.get(name).shapes.splice(index, 1);
    this.#selected = null;
    this.#changed(name);
  }

  select(name, index) {
    const isSame = this.#selected?.name === name && this.#selected.index === index;
    if (isSame || this.#draft) return;
    this.#selected = { name, index };
    this.#show();
    this.onSelect(name, index);
  }

  #add(layer, points, isFocused) {
    layer.shapes.push(points);
    this.#draft = null;
    this.#selected = { name: layer.name, index: layer.shapes.length - 1 };
    this.#changed(layer.name);
    this.onSelect(layer.name, this.#selected.index);
    if (isFocused) this.#body(layer.name, this.#selected.index)?.focus();
  }

  #changed(name) {
    this.#show();
    this.onChange(name);
  }

  /** Changes one shape. */
  #put(name, index, points) {
    this.#layers.get(name).shapes[index] = points;
    this.#changed(name);
  }

  #body(name, index) {
    return this.#svg.querySelector(`[data-layer="${name}"][data-shape="${index}"][data-part="body"]`);
  }

  #handle(name, index, point) {
    return this.#svg.querySelector(`[data-layer="${name}"][data-shape="${index}"][data-part="point"][data-point="${point}"]`);
  }

  // By pointer

  #at({ clientX, clientY }) {
    const { left, top, width, height } = this.#svg.getBoundingClientRect();
    return [(clientX - left) / width, (clientY - top) / height];
  }

  #down(event) {
    if (event.button !== 0) return;
    const at = this.#at(event);
    if (this.#draft) {
      event.preventDefault();
      this.#svg.setPointerCapture(event.pointerId);
      if (this.#draft.layer.kind === "rect") {
        this.#draft.points.push(placed(at));
        this.#drag = { pointer: event.pointerId, begin: at };
      } else {
        this.#click(at, event.timeStamp);
      }
      this.#show();
      return;
    }
    const part = partOf(event.target);
    if (!part) {
      this.#selected = null;
      this.#show();
      return;
    }
    const { name, index, kind, point } = part;
    const layer = this.#layers.get(name);
    const isTouchOfOther = event.pointerType === "touch" && (this.#selected?.name !== name || this.#selected.index !== index);
    this.select(name, index);
    if (isTouchOfOther) return;
    event.preventDefault();
    let handle = point;
    if (kind === "middle") {
      this.#put(name, index, split(layer.shapes[index], point));
      handle = point + 1;
    }
    (kind === "body" ? this.#body(name, index) : this.#handle(name, index, handle))?.focus({ preventScroll: true });
    this.#svg.setPointerCapture(event.pointerId);
    const before = layer.shapes[index];
    const move = (to) => {
      if (kind === "body") return shifted(before, [to[0] - at[0], to[1] - at[1]]);
      return layer.kind === "rect" ? withCorner(before, handle, to) : moved(before, handle, to);
    };
    this.#drag = { pointer: event.pointerId, begin: at, move: (to) => this.#put(name, index, move(to)), undo: before, layer, index };
  }

  /** A point of a polygon or a line. */
  #click(at, time) {
    const { layer: { kind }, points } = this.#draft;
    const isNear = (point) => Math.hypot((point[0] - at[0]) * this.#size.width, (point[1] - at[1]) * this.#size.height) < NEAR_PIXELS;
    const isDouble = this.#pressed !== null && time - this.#pressed < DOUBLE_MS && points.length > 0 && isNear(points.at(-1));
    this.#pressed = time;
    const isEnd = isClosed(kind) ? points.length > 0 && isNear(points[0]) : points.length > 0 && isNear(points.at(-1));
    if (points.length >= POINTS[kind][0] && (isEnd || isDouble)) return this.#finish();
    if (isDouble || points.length >= POINTS[kind][1]) return;
    points.push(placed(at));
  }

  #move(event) {
    const at = this.#at(event);
    if (this.#draft) {
      this.#draft.at = placed(at);
      this.#show();
    } else if (this.#drag?.pointer === event.pointerId) {
      this.#drag.move(at);
    }
  }

  #up(event) {
    const drag = this.#drag;
    if (drag?.pointer !== event.pointerId) return;
    this.#drag = null;
    if (!this.#draft) {
      // A rectangle without a side is none.
      if (drag.layer?.kind === "rect" && !isRect(drag.layer.shapes[drag.index])) this.#put(drag.layer.name, drag.index, drag.undo);
      return;
    }
    const { layer, points } = this.#draft;
    const at = placed(this.#at(event));
    const isDragged = Math.hypot((at[0] - drag.begin[0]) * this.#size.width, (at[1] - drag.begin[1]) * this.#size.height) >= NEAR_PIXELS;
    if (isDragged && isRect(rect(points[0], at))) {
      points.push(at);
      this.#finish();
    } else {
      points.pop();
    }
    this.#show();
  }

  /** The new shape is as it is now, if it is one. */
  #finish() {
    if (!this.#draft) return;
    const { layer, points } = this.#draft;
    if (points.length < POINTS[layer.kind][0]) return;
    this.#drag = null;
    this.#add(layer, layer.kind === "rect" ? rect(...points) : points, true);
  }

  // By keyboard

  #key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (this.#takesKey(event)) {
      event.preventDefault();
      event.stopPropagation();
    }
  }

  #takesKey({ key, shiftKey, target }) {
    if (this.#draft) {
      if (key === "Escape") this.cancel();
      else if (key === "Enter" && target === this.#done) return false;
      else if (key === "Enter") this.#finish();
      else if (key === "Backspace" && this.#draft.points.pop()) this.#show();
      else return false;
      return true;
    }
    const part = partOf(target);
    if (!part) return false;
    const { name, index, kind, point } = part;
    const layer = this.#layers.get(name);
    const points = layer.shapes[index];
    const step = shiftKey ? FINE_STEP : STEP;
    const by = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step] }[key];
    if (by) {
      const from = corners(layer.kind, points)[point];
      const to = kind === "body" ? null : [from[0] + by[0], from[1] + by[1]];
      const next = !to ? shifted(points, by) : layer.kind === "rect" ? withCorner(points, point, to) : moved(points, point, to);
      if (layer.kind !== "rect" || isRect(next)) this.#put(name, index, next);
    } else if (key === "Escape" && kind === "point") {
      this.#body(name, index).focus();
    } else if (key === "Enter" && kind === "body") {
      this.#handle(name, index, 0)?.focus();
    } else if (key === "Insert" && layer.kind !== "rect" && points.length < POINTS[layer.kind][1]) {
      const last = isClosed(layer.kind) ? points.length - 1 : points.length - 2;
      const after = kind === "point" ? Math.min(point, last) : last;
      this.#put(name, index, split(points, after));
      this.#handle(name, index, after + 1)?.focus();
    } else if (key === "Delete" || key === "Backspace") {
      this.#delete(layer, index, kind === "point" ? point : null);
    } else {
      return false;
    }
    return true;
  }

  /** A point, where enough are left, or the shape. */
  #delete(layer, index, point) {
    const points = layer.shapes[index];
    if (point !== null && layer.kind !== "rect" && points.length > POINTS[layer.kind][0]) {
      this.#put(layer.name, index, points.toSpliced(point, 1));
      this.#handle(layer.name, index, Math.min(point, points.length - 2))?.focus();
    } else if (point === null && !layer.isFixed) {
      this.remove(layer.name, index);
      (this.#body(layer.name, Math.min(index, layer.shapes.length - 1)) ?? this.#stage).focus();
    }
  }

  #focused(target) {
    const part = partOf(target);
    if (part && !this.#drag) this.select(part.name, part.index);
  }

  // What is shown

  #resize({ width, height }) {
    if (width === 0 || height === 0) return;
    this.#size = { width, height };
    setAttribute(this.#svg, "viewBox", `0 0 ${width} ${height}`);
    this.#show();
  }

  #pixels(points) {
    return points.map(([x, y]) => [x * this.#size.width, y * this.#size.height]);
  }

  #show() {
    const all = [...this.#layers.values()].flatMap((layer) => layer.shapes.map((points, index) => ({ layer, points, index })));
    while (this.#shapes.children.length > all.length) this.#shapes.lastChild.remove();
    all.forEach(({ layer, points, index }, i) => {
      if (!this.#shapes.children[i]) this.#shapes.append(svg("g", {}, shapeNode()));
      this.#showShape(this.#shapes.children[i], layer, index, points);
    });
    this.#showSketch();
    this.#svg.classList.toggle("is-drawing", this.#draft !== null);
    setText(this.#help, this.#draft ? HELP[this.#draft.layer.kind] : all.length > 0 ? IDLE : "");
    this.#tools.hidden = this.#draft === null;
    const drawn = this.#draft?.layer.kind ?? "rect";
    this.#done.hidden = drawn === "rect";
    this.#done.disabled = (this.#draft?.points.length ?? 0) < POINTS[drawn][0];
  }

  #showShape(group, layer, index, points) {
    const isSelected = this.#selected?.name === layer.name && this.#selected.index === index;
    setAttribute(group, "class", `shape ${layer.tone}${isSelected ? " selected" : ""}`);
    const label = layer.label(index);
    const all = corners(layer.kind, points);
    const body = group.firstChild;
    setAttribute(body, "d", path(this.#pixels(all), isClosed(layer.kind)) + (isClosed(layer.kind) ? "" : arrow(this.#pixels(all))));
    mark(body, { layer: layer.name, shape: index, part: "body" }, `${label}, ${all.length} points`);
    const between = isClosed(layer.kind) ? points : points.slice(0, -1);
    const middles = isSelected && layer.kind !== "rect" && points.length < POINTS[layer.kind][1]
      ? between.map((point, i) => ({ part: "middle", point: i, at: [0, 1].map((axis) => (point[axis] + points[(i + 1) % points.length][axis]) / 2) }))
      : [];
    const handles = [...middles, ...(isSelected ? all.map((at, i) => ({ part: "point", point: i, at })) : [])];
    while (group.children.length > handles.length + 1) group.lastChild.remove();
    this.#pixels(handles.map(({ at }) => at)).forEach(([x, y], i) => {
      if (!group.children[i + 1]) group.append(svg("g", {}, svg("circle", { class: "hit", r: NEAR_PIXELS }), svg("circle", { class: "dot" })));
      const { part, point, at } = handles[i];
      const handle = group.children[i + 1];
      setAttribute(handle, "class", part);
      setAttribute(handle, "transform", `translate(${x} ${y})`);
      setAttribute(handle.lastChild, "r", part === "point" ? "6.5" : "4");
      const isFocusable = part === "point";
      mark(handle, { layer: layer.name, shape: index, part, point }, isFocusable ? `${label}, point ${point + 1}, ${at.map((it) => `${Math.round(it * 1000) / 10} %`).join(" ")}` : null);
    });
  }

  #showSketch() {
    if (!this.#draft) return this.#sketch.replaceChildren();
    const { layer, points, at } = this.#draft;
    const next = at && points.length > 0 ? [...points, at] : points;
    const all = layer.kind === "rect" && next.length === 2 ? corners("rect", next) : next;
    this.#sketch.replaceChildren(
      svg("path", { class: `body ${layer.tone}`, d: path(this.#pixels(all), layer.kind === "rect") }),
      ...this.#pixels(points).map(([cx, cy], i) => svg("circle", { class: isClosed(layer.kind) && i === 0 && points.length >= 3 ? "dot first" : "dot", cx, cy, r: 6 })),
    );
    setAttribute(this.#sketch, "class", `sketch ${layer.tone}`);
  }
}

function shapeNode() {
  return svg("path", { class: "body" });
}

function path(points, isClosed) {
  return points.length === 0 ? "" : `M${points.map(([x, y]) => `${x} ${y}`).join("L")}${isClosed ? "Z" : ""}`;
}

/** From the middle of a line to its right, as seen from its first point: the way in. */
function arrow(points) {
  const middle = Math.floor((points.length - 1) / 2);
  const [[x1, y1], [x2, y2]] = [points[middle], points[middle + 1]];
  const length = Math.hypot(x2 - x1, y2 - y1) || 1;
  const [u, v] = [-(y2 - y1) / length, (x2 - x1) / length];
  const [x, y] = [(x1 + x2) / 2, (y1 + y2) / 2];
  const tip = [x + ARROW_PIXELS * u, y + ARROW_PIXELS * v];
  const side = (sign) => [tip[0] - 8 * (u + sign * v), tip[1] - 8 * (v - sign * u)];
  return path([[x, y], tip], false) + path([side(1), tip, side(-1)], false);
}

/** What a part is of; `label`: what it is called, where it can have the focus. */
function mark(node, data, label) {
  for (const key of ["layer", "shape", "part", "point"]) setAttribute(node, `data-${key}`, data[key] === undefined ? null : String(data[key]));
  setAttribute(node, "tabindex", label === null ? null : "0");
  setAttribute(node, "role", label === null ? null : "button");
  setAttribute(node, "aria-label", label);
}

function partOf(target) {
  const node = target.closest?.("[data-part]");
  if (!node) return null;
  const { layer, shape, part, point } = node.dataset;
  return { name: layer, index: Number(shape), kind: part, point: Number(point ?? 0) };
}
