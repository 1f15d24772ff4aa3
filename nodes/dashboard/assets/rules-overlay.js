// Zones and lines of the rules, drawn over a camera's frames.

import { stroke } from "./overlay.js";

const ZONE = "#5ee0a0";
const LINE = "#ff8fd0";
/** In CSS pixels: how far an arrow goes from its line, and its head. */
const ARROW = 26;
const HEAD = 7;

/** `rules`: `{ points, isLine, text }`. `area` as in overlay.js. */
export function drawRules(context, area, rules) {
  context.save();
  context.lineJoin = "round";
  context.lineCap = "round";
  for (const { points, isLine, text } of rules) {
    const at = points.map(([x, y]) => [area.x + x * area.width, area.y + y * area.height]);
    context.beginPath();
    for (const [x, y] of at) context.lineTo(x, y);
    if (!isLine) {
      context.closePath();
      context.globalAlpha = 0.12;
      context.fillStyle = ZONE;
      context.fill();
      context.globalAlpha = 1;
    }
    stroke(context, area.ratio, isLine ? LINE : ZONE, 1.6);
    if (isLine) drawArrow(context, area, at);
    drawText(context, area, text, isLine ? at[0] : at.reduce((top, point) => (point[1] < top[1] ? point : top)), isLine ? LINE : ZONE);
  }
  context.restore();
}

/** From the middle of a line inwards: to its right, as seen from its first point. */
function drawArrow(context, { ratio }, at) {
  const middle = Math.floor((at.length - 1) / 2);
  const [[x1, y1], [x2, y2]] = [at[middle], at[middle + 1]];
  const length = Math.hypot(x2 - x1, y2 - y1) || 1;
  const [u, v] = [-(y2 - y1) / length, (x2 - x1) / length];
  const [x, y] = [(x1 + x2) / 2, (y1 + y2) / 2];
  const [tx, ty] = [x + u * ARROW * ratio, y + v * ARROW * ratio];
  context.beginPath();
  context.moveTo(x, y);
  context.lineTo(tx, ty);
  for (const side of [1, -1]) {
    context.moveTo(tx, ty);
    context.lineTo(tx - (u + side * v) * HEAD * ratio, ty - (v - side * u) * HEAD * ratio);
  }
  stroke(context, ratio, LINE, 1.6);
}

function drawText(context, area, text, [x, y], color) {
  const size = 11.5 * area.ratio;
  context.font = `600 ${size}px system-ui, sans-serif`;
  context.textBaseline = "middle";
  const width = context.measureText(text).width + 0.8 * size;
  const left = Math.max(area.x, Math.min(x, area.x + area.width - width));
  const top = Math.max(area.y, Math.min(y - 1.6 * size, area.y + area.height - 1.5 * size));
  context.fillStyle = "rgb(7 9 11 / 0.78)";
  context.fillRect(left, top, width, 1.5 * size);
  context.fillStyle = color;
  context.fillText(text, left + 0.4 * size, top + 0.78 * size);
}
