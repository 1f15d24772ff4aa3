// Building elements. Texts are set as text, never parsed as HTML: ids and reasons come from outside.

/** `h("p", { class: "x", onclick: f, "aria-label": "…" }, "text", element, …)` */
export function h(name, attributes = {}, ...children) {
  return fill(document.createElement(name), attributes, children);
}

export function svg(name, attributes = {}, ...children) {
  return fill(document.createElementNS("http://www.w3.org/2000/svg", name), attributes, children);
}

function fill(element, attributes, children) {
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (value === true) element.setAttribute(key, "");
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(key, value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

/** Sets a text only where it changes, so that nothing is laid out again for nothing. */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

export function setAttribute(element, name, value) {
  if (value === null) element.removeAttribute(name);
  else if (element.getAttribute(name) !== value) element.setAttribute(name, value);
}

const SHAPES = {
  live: [["circle", { cx: 8, cy: 8, r: 5, fill: "currentColor" }]],
  connecting: [["circle", { cx: 8, cy: 8, r: 5, fill: "none", stroke: "currentColor", "stroke-width": 2, "stroke-dasharray": "4 3.85" }]],
  stalled: [["path", { d: "M8 1.8 15 14H1z", fill: "currentColor" }]],
  offline: [["path", { d: "M3.500 3.500 12.500 12.500M12.500 3.500 3.500 12.500", stroke: "currentColor", "stroke-width": 2.800, "stroke-linecap": "round" }]],
  removed: [["path", { d: "M3 8h10", stroke: "currentColor", "stroke-width": 2.800, "stroke-linecap": "round" }]],
  unknown: [["circle", { cx: 8, cy: 8, r: 4.200, fill: "none", stroke: "currentColor", "stroke-width": 1.600 }]],
};

/** The sign of a state: each has a shape of its own, not only a colour. */
export function stateIcon(state) {
  const icon = svg("svg", { viewBox: "0 0 16 16", class: "state-icon", "aria-hidden": "true" });
  setStateIcon(icon, state);
  return icon;
}

export function setStateIcon(icon, state) {
  if (icon.dataset.state === state) return;
  icon.dataset.state = state;
  icon.replaceChildren(...(SHAPES[state] ?? SHAPES.unknown).map(([name, attributes]) => svg(name, attributes)));
}
