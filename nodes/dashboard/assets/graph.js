// The nodes as they run, in pipeline order, with what flows through them and where it piles up.

import { h, setAttribute, setText, svg } from "./dom.js";
import { byId, count, rate, UNKNOWN } from "./text.js";

/** A column narrower than this is not readable: then the graph runs downward. */
const NARROWEST_COLUMN = 148;
const ATTRIBUTE_LENGTH = 44;

export class Graph {
  #section = document.getElementById("graph-view");
  #verdict = h("p", { class: "verdict" });
  #canvas = h("div", { class: "graph" });
  #edges = svg("svg", { class: "edges", "aria-hidden": "true" });
  #cards = new Map();
  #shape = "";
  #nodes = [];

  constructor() {
    this.#section.append(h("h1", { class: "graph-title" }, "Graph"), this.#verdict, this.#canvas);
    this.#canvas.append(this.#edges);
    new ResizeObserver(() => this.#place()).observe(this.#canvas);
  }

  show(isShown) {
    this.#section.hidden = !isShown;
    if (isShown) this.#place();
  }

  update({ graph, isConnected, isKnown }) {
    if (this.#section.hidden) return;
    setAttribute(this.#section, "data-connected", String(isConnected));
    this.#nodes = stagesOf(graph?.nodes ?? []);
    const bottleneck = graph?.bottleneck ?? null;
    this.#showVerdict(bottleneck, isConnected, isKnown);
    const shape = JSON.stringify(this.#nodes.map(({ id, inputs }) => [id, inputs]));
    if (shape !== this.#shape) {
      this.#shape = shape;
      this.#rebuild();
    }
    for (const node of this.#nodes) this.#cards.get(node.id).update(node, node.id === bottleneck?.node, isConnected);
  }

  #showVerdict(bottleneck, isConnected, isKnown) {
    const text = !isConnected
      ? "Not connected: the figures are unknown."
      : this.#nodes.length === 0
        ? isKnown ? "The server knows of no nodes yet." : "Waiting for the server…"
        : bottleneck
          ? `Bottleneck: ${bottleneck.node}. ${bottleneck.why.charAt(0).toUpperCase()}${bottleneck.why.slice(1)}.`
          : "No bottleneck: nothing piles up.";
    setText(this.#verdict, text);
    setAttribute(this.#verdict, "data-level", isConnected && bottleneck ? "warn" : null);
  }

  #rebuild() {
    for (const { element } of this.#cards.values()) element.remove();
    this.#cards = new Map(this.#nodes.map(({ id }) => [id, new Card(id)]));
    this.#canvas.append(...[...this.#cards.values()].map(({ element }) => element));
    this.#place();
  }

  #place() {
    const width = this.#canvas.clientWidth;
    if (this.#section.hidden || width === 0) return;
    const layers = layersOf(this.#nodes);
    const isDown = width / layers.length < NARROWEST_COLUMN;
    this.#canvas.classList.toggle("down", isDown);
    const most = Math.max(1, ...layers.map((layer) => layer.length));
    this.#canvas.style.gridTemplateColumns = `repeat(${isDown ? most : layers.length}, minmax(0, 1fr))`;
    layers.forEach((layer, i) => {
      layer.forEach((id, j) => {
        const { style } = this.#cards.get(id).element;
        // A layer with fewer nodes than the largest one is centred by spanning.
        const span = `${Math.floor((j * most) / layer.length) + 1} / ${Math.floor(((j + 1) * most) / layer.length) + 1}`;
        style.gridColumn = isDown ? span : String(i + 1);
        style.gridRow = isDown ? String(i + 1) : span;
      });
    });
    const layerOf = new Map(layers.flatMap((layer, i) => layer.map((id) => [id, i])));
    this.#draw(isDown, layerOf);
  }

  #draw(isDown, layerOf) {
    const isLong = (from, to) => layerOf.get(to) - layerOf.get(from) > 1;
    const hasLong = this.#nodes.some(({ id, inputs }) => inputs?.some((input) => isLong(input, id)));
    this.#canvas.classList.toggle("long", hasLong);
    const frame = this.#canvas.getBoundingClientRect();
    setAttribute(this.#edges, "viewBox", `0 0 ${frame.width} ${frame.height}`);
    const box = (id) => this.#cards.get(id)?.element.getBoundingClientRect();
    const paths = [];
    for (const { id, inputs } of this.#nodes) {
      for (const input of inputs ?? []) {
        const [a, b] = [box(input), box(id)];
        if (!a || !b) continue;
        const way = isLong(input, id) ? around : direct;
        paths.push(svg("path", { d: way(a, b, frame, isDown) }));
      }
    }
    this.#edges.replaceChildren(...paths);
  }
}

function direct(a, b, frame, isDown) {
  if (isDown) {
    const [x1, y1] = [a.left + a.width / 2 - frame.left, a.bottom - frame.top];
    const [x2, y2] = [b.left + b.width / 2 - frame.left, b.top - frame.top];
    const bend = Math.max(8, (y2 - y1) / 2);
    return `M${x1} ${y1}C${x1} ${y1 + bend} ${x2} ${y2 - bend} ${x2} ${y2}`;
  }
  const [x1, y1] = [a.right - frame.left, a.top + a.height / 2 - frame.top];
  const [x2, y2] = [b.left - frame.left, b.top + b.height / 2 - frame.top];
  const bend = Math.max(10, (x2 - x1) / 2);
  return `M${x1} ${y1}C${x1 + bend} ${y1} ${x2 - bend} ${y2} ${x2} ${y2}`;
}

/** Past the nodes between: above them, or to their left. */
function around(a, b, frame, isDown) {
  const r = 8;
  if (isDown) {
    const [x1, y1] = [a.left - frame.left, a.top + a.height / 2 - frame.top];
    const [x2, y2] = [b.left - frame.left, b.top + b.height / 2 - frame.top];
    const x = 1;
    return `M${x1} ${y1}H${x + r}Q${x} ${y1} ${x} ${y1 + r}V${y2 - r}Q${x} ${y2} ${x + r} ${y2}H${x2}`;
  }
  const [x1, y1] = [a.left + a.width / 2 - frame.left, a.top - frame.top];
  const [x2, y2] = [b.left + b.width / 2 - frame.left, b.top - frame.top];
  const y = 2;
  return `M${x1} ${y1}V${y + r}Q${x1} ${y} ${x1 + r} ${y}H${x2 - r}Q${x2} ${y} ${x2} ${y + r}V${y2}`;
}

/** Whole in the title. */
function shortened(text) {
  return text.length > ATTRIBUTE_LENGTH ? `${text.slice(0, ATTRIBUTE_LENGTH - 1)}…` : text;
}

/** Without processes whose stages are nodes of their own. */
function stagesOf(nodes) {
  return nodes.filter(({ id }) => !nodes.some((other) => other.id.startsWith(`${id}.`)));
}

/** Ids by their longest way from a node without inputs; a circle ends where it began. */
export function layersOf(nodes) {
  const inputs = new Map(nodes.map(({ id, inputs }) => [id, inputs ?? []]));
  const depths = new Map();
  const depthOf = (id, above) => {
    if (depths.has(id)) return depths.get(id);
    if (above.has(id)) return 0;
    const before = (inputs.get(id) ?? []).filter((input) => inputs.has(input));
    const depth = Math.max(-1, ...before.map((input) => depthOf(input, new Set(above).add(id)))) + 1;
    depths.set(id, depth);
    return depth;
  };
  const layers = [];
  for (const { id } of nodes) (layers[depthOf(id, new Set())] ??= []).push(id);
  return layers.filter(Boolean).map((layer) => layer.sort(byId));
}

class Card {
  #kind = h("span", { class: "node-kind" });
  #tag = h("span", { class: "node-tag", hidden: true });
  #rows = new Map();
  #attributes = h("p", { class: "node-attributes" });

  constructor(id) {
    const figures = h("dl", { class: "node-figures" });
    for (const name of ["in", "out", "inside", "dropped", "restarts"]) {
      const value = h("dd");
      const row = h("div", { "data-row": name }, h("dt", {}, name), value);
      figures.append(row);
      this.#rows.set(name, { row, value });
    }
    this.element = h(
      "article",
      { class: "node", "aria-label": id },
      h("h2", { title: id }, id),
      this.#kind, this.#tag, figures, this.#attributes,
    );
  }

  update(node, isBottleneck, isConnected) {
    setText(this.#kind, node.kind ?? "");
    this.#kind.hidden = !node.kind || node.kind === node.id;
    const level = !isConnected ? "unknown" : isBottleneck ? "warn" : node.ready === false ? "bad" : null;
    setAttribute(this.element, "data-level", level);
    this.#tag.hidden = level === null;
    setText(this.#tag, { unknown: "unknown", warn: "▲ bottleneck", bad: "✕ not ready" }[level] ?? "");
    const value = (name, text, isNotable) => {
      setText(this.#rows.get(name).value, isConnected ? text : UNKNOWN);
      setAttribute(this.#rows.get(name).row, "data-notable", isNotable ? "" : null);
    };
    value("in", `${rate(node.in_per_s)}/s`);
    value("out", `${rate(node.out_per_s)}/s`);
    value("inside", count(node.inside));
    const per = node.dropped_per_s > 0 ? ` (${rate(node.dropped_per_s)}/s)` : "";
    value("dropped", `${count(node.dropped)}${per}`, node.dropped_per_s > 0);
    value("restarts", count(node.starts === null || node.starts === undefined ? null : Math.max(0, node.starts - 1)), node.starts > 1);
    this.#rows.get("in").row.hidden = (node.inputs ?? []).length === 0;
    this.#rows.get("out").row.hidden = node.out_per_s === null || node.out_per_s === undefined;
    const attributes = Object.entries(node.attributes ?? {}).map(([name, text]) => `${name.replaceAll("_", " ")}: ${text}`);
    setText(this.#attributes, attributes.map(shortened).join("\n"));
    setAttribute(this.#attributes, "title", attributes.join("\n"));
  }
}
