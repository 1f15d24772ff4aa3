// A colour for each class, the same on every camera and in every session.

/** Light enough for dark text, and far apart from each other, street gray and foliage. */
const PALETTE = [
  "#4cc9f0", "#ffd166", "#7ae582", "#ff8fa3", "#c8a2ff", "#ff9f45",
  "#5eead4", "#f5f06b", "#8ab4ff", "#f472d0", "#b7e36a", "#e8c9a0",
];

export const ON_COLOR = "#0b0d10";

export function classColor(id, label) {
  return PALETTE[(Number.isInteger(id) ? id : hash(label ?? "")) % PALETTE.length];
}

function hash(text) {
  let value = 0;
  for (const char of text) value = (value * 31 + char.codePointAt(0)) >>> 0;
  return value;
}
