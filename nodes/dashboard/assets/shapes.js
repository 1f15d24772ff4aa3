// Shapes in parts of the frame: points, each [x, y] from 0 to 1. A rectangle has two, opposite corners.

/** How many points a shape has, at least and at most. */
export const POINTS = { rect: [2, 2], line: [2, 64], polygon: [3, 64] };
/** A rectangle with a shorter side is a click. */
const SMALLEST = 0.01;

export function clamp(value) {
  return Math.min(1, Math.max(0, value));
}

/** Finer than a pixel of any camera, and short to read. */
export function placed([x, y]) {
  return [x, y].map((value) => Math.round(clamp(value) * 1e4) / 1e4);
}

export function moved(points, index, to) {
  return points.map((point, i) => (i === index ? placed(to) : point));
}

/** All of it, as far as it stays inside the frame. */
export function shifted(points, [dx, dy]) {
  const bound = (delta, axis) => {
    const values = points.map((point) => point[axis]);
    return Math.min(1 - Math.max(...values), Math.max(-Math.min(...values), delta));
  };
  const [x, y] = [bound(dx, 0), bound(dy, 1)];
  return points.map((point) => placed([point[0] + x, point[1] + y]));
}

/** Whether its last point is joined with the first. */
export function isClosed(kind) {
  return kind !== "line";
}

/** With a point between this one and the next. */
export function split(points, index) {
  const [a, b] = [points[index], points[(index + 1) % points.length]];
  return points.toSpliced(index + 1, 0, placed([(a[0] + b[0]) / 2, (a[1] + b[1]) / 2]));
}

/** The corners of a rectangle, clockwise from the upper left; all points of anything else. */
export function corners(kind, points) {
  if (kind !== "rect") return points;
  const [x1, y1, x2, y2] = edges(points);
  return [[x1, y1], [x2, y1], [x2, y2], [x1, y2]];
}

/** Of a rectangle: where the corner of this number is put. */
export function withCorner(points, index, to) {
  const [x1, y1, x2, y2] = edges(points);
  const opposite = [[x2, y2], [x1, y2], [x1, y1], [x2, y1]][index];
  return rect(opposite, placed(to));
}

export function rect(a, b) {
  return [[Math.min(a[0], b[0]), Math.min(a[1], b[1])], [Math.max(a[0], b[0]), Math.max(a[1], b[1])]];
}

export function isRect(points) {
  const [x1, y1, x2, y2] = edges(points);
  return x2 - x1 >= SMALLEST && y2 - y1 >= SMALLEST;
}

function edges([[x1, y1], [x2, y2]]) {
  return [Math.min(x1, x2), Math.min(y1, y2), Math.max(x1, x2), Math.max(y1, y2)];
}

/** A shape in the middle, to be moved from there. */
export function standard(kind) {
  if (kind === "rect") return [[0.25, 0.25], [0.75, 0.75]];
  if (kind === "line") return [[0.25, 0.5], [0.75, 0.5]];
  return [[0.4, 0.4], [0.6, 0.4], [0.6, 0.6], [0.4, 0.6]];
}

/** As it is typed and read: `0, 0.4, 1, 1`, or `0 0.4, 0.3 0.4, 0 0.7`. */
export function numbersOf(kind, points) {
  return kind === "rect" ? points.flat().join(", ") : points.map((point) => point.join(" ")).join(", ");
}

/** The points of such a text, however its numbers are separated; or what is wrong with it. */
export function pointsOf(kind, text) {
  const [least, most] = POINTS[kind];
  const numbers = text.match(/-?(?:\d+\.?\d*|\.\d+)/g)?.map(Number) ?? [];
  const points = Array.from({ length: numbers.length / 2 }, (_, i) => numbers.slice(2 * i, 2 * i + 2));
  const expected = { rect: "four numbers: x1, y1, x2, y2" }[kind] ?? `${least} to ${most} points, x y of each`;
  if (/[^\d\s.,;[\]-]/.test(text) || numbers.length % 2 === 1 || points.length < least || points.length > most) {
    return { points: null, wrong: `Expected ${expected}` };
  }
  if (numbers.some((it) => it < 0 || it > 1)) return { points: null, wrong: "Expected parts of the frame, 0 to 1" };
  if (kind === "rect" && !(points[0][0] < points[1][0] && points[0][1] < points[1][1])) {
    return { points: null, wrong: "Expected x1 < x2 and y1 < y2" };
  }
  return { points, wrong: null };
}

/** As the file has it. */
export function listText(value) {
  return Array.isArray(value) ? `[${value.map(listText).join(", ")}]` : String(value);
}
