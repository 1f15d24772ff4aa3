// Clips in words.

import { titleOf } from "./event-text.js";
import { count, since, timeOfDay } from "./text.js";

/** "1:02.5", or without tenths. */
export function clipTime(seconds, { tenths = true } = {}) {
  const factor = tenths ? 10 : 1;
  const all = Math.floor(Math.max(0, seconds) * factor + 1e-6);
  const [s, part] = [Math.floor(all / factor), all % factor];
  const rest = `${String(s % 60).padStart(2, "0")}${tenths ? `.${part}` : ""}`;
  return s < 3600 ? `${Math.floor(s / 60)}:${rest}` : `${Math.floor(s / 3600)}:${String(Math.floor((s % 3600) / 60)).padStart(2, "0")}:${rest}`;
}

/** "14:03:22.480" */
export function clockTime(unixMs) {
  return `${timeOfDay(unixMs, { seconds: true })}.${String(Math.floor(unixMs % 1000)).padStart(3, "0")}`;
}

/** When a clip begins: with the day, where that is another one. */
export function beginText(unixMs, nowMs) {
  const isToday = new Date(unixMs).toDateString() === new Date(nowMs).toDateString();
  return isToday ? timeOfDay(unixMs, { seconds: true }) : since(unixMs, nowMs);
}

export function sizeText(bytes) {
  if (bytes < 1e6) return `${Math.max(1, Math.round(bytes / 1000))} kB`;
  return bytes < 1e9 ? `${(bytes / 1e6).toFixed(1)} MB` : `${(bytes / 1e9).toFixed(2)} GB`;
}

/** "8 s", "1:30 min" */
export function lengthText(seconds) {
  return seconds < 60 ? `${Math.max(1, Math.round(seconds))} s` : `${clipTime(seconds, { tenths: false })} ${seconds < 3600 ? "min" : "h"}`;
}

/** What is in it, in a line: how many events, of which rules and classes. */
export function contentText({ events, event_count: all }) {
  if (all === 0) return "No events";
  const named = (field) => {
    const values = [...new Set(events.map((event) => event[field]).filter(Boolean))];
    return values.slice(0, 4).join(", ") + (values.length > 4 ? ", …" : "");
  };
  return [all === 1 ? "1 event" : `${count(all)} events`, named("rule"), named("label")].filter(Boolean).join(" · ");
}

/** What happened, told after it is over; a count is told as it was. */
export function eventText(event) {
  return titleOf({ ...event, phase: event.kind === "occupancy" ? "update" : "end" });
}

/** What is not as it should be, in words; empty where all is. */
export function remarksOf({ salvaged, missing_seconds: missing }) {
  return [
    missing > 0.05 ? `begins ${missing.toFixed(1)} s later than asked for` : null,
    salvaged ? "ends early: its recording was cut off" : null,
  ].filter(Boolean);
}

/** The codec as people call it, of the name that MIME types have. */
export function codecText(name) {
  const kind = { avc1: "H.264", avc3: "H.264", hvc1: "H.265", hev1: "H.265" }[name.split(".")[0]];
  return kind ? `${kind} (${name})` : name || "unknown";
}
