// What was detected, drawn over the frame that it was detected in.

import { classColor, ON_COLOR } from "./colors.js";
import { shortTrack } from "./text.js";

/** From this width of a frame (CSS pixels) labels have class, confidence and track; class and track; class. */
const LABEL_WIDTHS = { full: 560, track: 400, name: 240 };

/**
 * `area`: where the upright frame is on the canvas, in its pixels, and `ratio`, canvas pixels per CSS pixel.
 * `isOfFrame`: false where the detections are those of an earlier frame, which are drawn dashed, without labels.
 */
export function drawDetections(context, area, detections, isOfFrame) {
  const pen = penOf(context, area, detections);
  const items = detections.boxes.map((box, i) => ({
    box,
    color: classColor(detections.class?.[i], detections.label?.[i]),
    mask: detections.masks?.[i],
    keypoints: detections.keypoints?.[i],
    oriented: detections.oriented?.[i],
    text: labelOf(detections, i, area.width / area.ratio),
  }));
  context.save();
  context.lineJoin = "round";
  if (!isOfFrame) {
    context.globalAlpha = 0.6;
    context.setLineDash([4 * area.ratio, 4 * area.ratio]);
  }
  // The best is drawn last: lists are sorted by descending score.
  for (const item of items.toReversed()) {
    if (isOfFrame && item.mask?.length) fillMask(pen, item);
    outline(pen, item);
    if (isOfFrame && item.keypoints?.length) drawKeypoints(pen, item);
  }
  if (isOfFrame) drawLabels(pen, items);
  context.restore();
}

export function drawTrails(context, area, trails) {
  context.save();
  context.lineCap = "round";
  context.lineJoin = "round";
  for (const { points, id, label } of trails.tracks()) {
    if (points.length < 2) continue;
    context.beginPath();
    for (const { x, y } of points) context.lineTo(area.x + x * area.width, area.y + y * area.height);
    stroke(context, area.ratio, classColor(id, label), 1.5);
  }
  context.restore();
}

function penOf(context, area, { w, h }) {
  const [sx, sy] = [area.width / w, area.height / h];
  return { context, area, sx, sy, x: (value) => area.x + value * sx, y: (value) => area.y + value * sy };
}

/** A dark line below a coloured one is seen on any frame. */
export function stroke(context, ratio, color, width) {
  context.strokeStyle = "rgb(0 0 0 / 0.55)";
  context.lineWidth = (width + 1.6) * ratio;
  context.stroke();
  context.strokeStyle = color;
  context.lineWidth = width * ratio;
  context.stroke();
}

function outline(pen, { box, color, oriented }) {
  const { context, area } = pen;
  const thick = area.width / area.ratio >= LABEL_WIDTHS.full ? 2 : 1.4;
  context.beginPath();
  if (oriented) {
    const [cx, cy, width, height, angle] = oriented;
    const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
    for (const [u, v] of [[-1, -1], [1, -1], [1, 1], [-1, 1]]) {
      const [dx, dy] = [(u * width) / 2, (v * height) / 2];
      context.lineTo(pen.x(cx + dx * cos - dy * sin), pen.y(cy + dx * sin + dy * cos));
    }
    context.closePath();
  } else {
    const [x1, y1, x2, y2] = box;
    context.rect(pen.x(x1), pen.y(y1), (x2 - x1) * pen.sx, (y2 - y1) * pen.sy);
  }
  stroke(context, area.ratio, color, thick);
}

function fillMask({ context, x, y }, { mask, color }) {
  context.beginPath();
  for (let i = 0; i + 1 < mask.length; i += 2) context.lineTo(x(mask[i]), y(mask[i + 1]));
  context.closePath();
  context.save();
  context.globalAlpha = 0.32;
  context.fillStyle = color;
  context.fill();
  context.restore();
}

function drawKeypoints({ context, area, x, y }, { keypoints, color }) {
  for (let i = 0; i + 2 < keypoints.length; i += 3) {
    // A point that the model hardly believes in is more often wrong than right.
    if (keypoints[i + 2] < 0.3) continue;
    context.beginPath();
    context.arc(x(keypoints[i]), y(keypoints[i + 1]), 2.2 * area.ratio, 0, 2 * Math.PI);
    context.fillStyle = color;
    context.fill();
    context.strokeStyle = "rgb(0 0 0 / 0.7)";
    context.lineWidth = area.ratio;
    context.stroke();
  }
}

function labelOf(detections, i, cssWidth) {
  if (cssWidth < LABEL_WIDTHS.name) return null;
  const name = detections.label?.[i] ?? `class ${detections.class?.[i] ?? "?"}`;
  const track = detections.track?.[i] ?? null;
  const parts = [name];
  if (cssWidth >= LABEL_WIDTHS.full) {
    for (const { label } of detections.attributes?.[i] ?? []) parts.unshift(label);
    const conf = detections.conf?.[i];
    if (conf !== undefined) parts.push(`${Math.round(conf * 100)} %`);
  }
  if (cssWidth >= LABEL_WIDTHS.track && track !== null) parts.push(`#${shortTrack(track)}`);
  return parts.join(" ");
}

/** Labels of the best boxes first; one that would cover another moves, and in a small frame is left out. */
function drawLabels(pen, items) {
  const { context, area } = pen;
  const isLarge = area.width / area.ratio >= LABEL_WIDTHS.full;
  const size = (isLarge ? 12 : 10) * area.ratio;
  context.font = `600 ${size}px system-ui, sans-serif`;
  context.textBaseline = "middle";
  const placed = [];
  for (const { box, text, color } of items) {
    if (!text) continue;
    const label = { width: context.measureText(text).width + 0.7 * size, height: 1.4 * size };
    const places = placesOf(pen, box, label);
    const at = places.find((place) => !placed.some((other) => overlap(place, other))) ?? (isLarge ? places[0] : null);
    if (!at) continue;
    placed.push(at);
    context.fillStyle = color;
    context.fillRect(at.x, at.y, at.width, at.height);
    context.fillStyle = ON_COLOR;
    context.fillText(text, at.x + 0.35 * size, at.y + at.height / 2 + 0.04 * size);
  }
}

/** Above the box, below it, inside it: what is inside the frame, in that order. */
function placesOf(pen, [x1, y1, , y2], { width, height }) {
  const { area } = pen;
  const x = Math.max(area.x, Math.min(pen.x(x1), area.x + area.width - width));
  const [top, bottom] = [area.y, area.y + area.height - height];
  return [pen.y(y1) - height, pen.y(y2), pen.y(y1)]
    .filter((y) => y >= top && y <= bottom + 0.5)
    .concat(Math.max(top, Math.min(pen.y(y1), bottom)))
    .map((y) => ({ x, y, width, height }));
}

function overlap(a, b) {
  return a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height;
}
