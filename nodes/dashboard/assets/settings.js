// What this viewer has chosen, kept in this browser.

const DEFAULTS = { theme: "auto", boxes: true, trails: false, zones: true, zoom: 0 };
const PREFIX = "camweave.";

export const settings = { ...DEFAULTS };

for (const [key, standard] of Object.entries(DEFAULTS)) {
  try {
    const text = localStorage.getItem(PREFIX + key);
    if (text === null) continue;
    settings[key] = typeof standard === "boolean" ? text === "true" : typeof standard === "number" ? Number(text) || 0 : text;
  } catch {
    // Storage may be forbidden: then nothing is kept.
  }
}

export function choose(key, value) {
  settings[key] = value;
  try {
    localStorage.setItem(PREFIX + key, String(value));
  } catch {
    // As above.
  }
}
