// The sign of what can be played.

import { svg } from "./dom.js";

export function playMark() {
  return svg("svg", { viewBox: "0 0 32 32", class: "play-mark", "aria-hidden": "true" },
    svg("circle", { cx: 16, cy: 16, r: 15 }), svg("path", { d: "M12.500 9.500v13L23 16z" }));
}
