// From the list of events to that of clips, and back, where there are any.

import { h, setAttribute } from "./dom.js";
import { address } from "./route.js";

/** Of the view `current`, "events" or "clips". */
export function viewSwitch(current) {
  const links = { events: h("a", {}, "Events"), clips: h("a", {}, "Clips") };
  links[current].setAttribute("aria-current", "page");
  const element = h("nav", { class: "view-switch", "aria-label": "Events or clips" }, ...Object.values(links));
  return {
    element,
    /** What both can be filtered by is kept. */
    show({ camera, since, until }) {
      const filter = Object.fromEntries(Object.entries({ camera, since, until }).filter(([, value]) => value));
      setAttribute(links.events, "href", address({ view: "events", events: filter }));
      setAttribute(links.clips, "href", address({ view: "clips", events: filter }));
    },
  };
}
