// Events in words.

import { count, duration } from "./text.js";

/** By kind, as filters and lists call them. */
export const KINDS = {
  crossing: "Line crossed",
  presence: "In a zone",
  dwell: "Stayed",
  occupancy: "Objects in a zone",
  crowding: "Crowd",
  speed: "Speed",
};
const DIRECTIONS = { in: "inwards", out: "outwards" };

/** What happened, in a few words. */
export function titleOf({ kind, rule, label, value, direction, phase }) {
  const what = label || "object";
  const isOver = phase === "end";
  switch (kind) {
    case "crossing":
      return `${what} crossed ${rule}${direction ? ` ${DIRECTIONS[direction] ?? direction}` : ""}`;
    case "presence":
      return `${what} ${isOver ? "was" : "is"} in ${rule}`;
    case "dwell":
      return `${what} ${isOver ? "stayed" : "stays"} in ${rule}`;
    case "occupancy":
      return isOver ? `${rule} is empty again` : `${objects(value)} in ${rule}`;
    case "crowding":
      return `${objects(value)} at once in ${rule}`;
    case "speed":
      return `${what} at ${Math.round(value)} km/h in ${rule}`;
    default:
      return `${kind}: ${what}, ${rule}`;
  }
}

/** How long it lasted, or has so far; empty for a moment. */
export function lengthOf({ kind, phase, began_unix_ms: began, ended_unix_ms: ended }, nowMs) {
  if (kind === "crossing") return "";
  if (phase !== "end") return `for ${duration(nowMs - began)} so far`;
  return duration((ended ?? began) - began);
}

/** What a rule has counted, in a few words. */
export function countText({ kind, entered, left, now }) {
  const passed = `${count(entered)} in, ${count(left)} out`;
  if (kind === "crossing") return passed;
  if (kind === "occupancy") return `${count(now)} now; ${passed}`;
  return `${count(now)} now; ${count(entered)} so far`;
}

function objects(number) {
  return number === 1 ? "1 object" : `${count(Math.round(number))} objects`;
}
