// Numbers and times as they are read. A dash is "unknown".

export const UNKNOWN = "–";

export const STATE_NAMES = {
  live: "Live",
  connecting: "Connecting",
  stalled: "Stalled",
  offline: "Offline",
  removed: "Removed",
  unknown: "Unknown",
};

export function rate(perSecond) {
  if (perSecond === null || perSecond === undefined) return UNKNOWN;
  if (perSecond > 0 && perSecond < 0.1) return "<0.1";
  return perSecond < 99.95 ? perSecond.toFixed(1) : Math.round(perSecond).toLocaleString("en");
}

export function count(number) {
  return number === null || number === undefined ? UNKNOWN : number.toLocaleString("en");
}

export function millis(ms) {
  if (ms === null || ms === undefined) return UNKNOWN;
  return ms < 9999.5 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`;
}

const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const clockSeconds = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
const day = new Intl.DateTimeFormat(undefined, { month: "short", day: "numeric" });

export function timeOfDay(unixMs, { seconds = false } = {}) {
  return (seconds ? clockSeconds : clock).format(unixMs);
}

/** "10:32", or "Nov 28, 10:32" where it is not today. */
export function since(unixMs, nowMs) {
  const isToday = new Date(unixMs).toDateString() === new Date(nowMs).toDateString();
  return isToday ? timeOfDay(unixMs) : `${day.format(unixMs)}, ${timeOfDay(unixMs)}`;
}

export function duration(ms) {
  const s = Math.max(0, Math.round(ms / 1000));
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min`;
  if (s < 86_400) return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`;
  return `${Math.floor(s / 86_400)} d ${Math.floor((s % 86_400) / 3600)} h`;
}

export function sum(counts) {
  return Object.values(counts ?? {}).reduce((total, n) => total + n, 0);
}

/** "decode.decoder_backlog" as words: where, and why. */
export function dropReason(key) {
  const dot = key.lastIndexOf(".");
  if (dot < 0) return { stage: key, reason: "" };
  return { stage: key.slice(0, dot), reason: key.slice(dot + 1).replaceAll("_", " ") };
}

/** Track ids are long, and their last digits tell them apart. */
export function shortTrack(track) {
  return String(track).slice(-4);
}

const collator = new Intl.Collator("en", { numeric: true, sensitivity: "base" });

/** cam2 before cam10; ids that differ only in case keep an order too. */
export function byId(a, b) {
  return collator.compare(a, b) || (a < b ? -1 : a > b ? 1 : 0);
}
