// A colour for each class, the same on every camera and in every session.

/** Light enough for dark text, and far apart from each other, street gray and foliage. */
const PALETTE = [
  "#4cc9f0", "#ffd166", "#7ae582", "#ff8fa3", "#c8a2ff", "#ff9f45",
  "#5eead4", "#f5f06b", "#8ab4ff", "#f472d0", "#b7e36a", "#e8c9a0",
];

export const ON_COLOR = "#0b0d10";

/** The ids of classes, as detections have told them: events have the name alone. */
const ids = new Map();

export function classColor(id, label) {
  if (!Number.isInteger(id)) return PALETTE[(ids.get(label) ?? hash(label ?? "")) % PALETTE.length];
  // Models of different cameras may differ: the first counts.
  if (!ids.has(label) && ids.size < 1000) ids.set(label, id);
  return PALETTE[id % PALETTE.length];
}

function hash(text) {
  let value = 0;
  for (const char of text) value = (value * 31 + char.codePointAt(0)) >>> 0;
  return value;
}
