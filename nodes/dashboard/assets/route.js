// The view in the address, so that it can be kept, shared and gone back to.

import { filterOf } from "./events.js";

/**
 * `{ view: "grid" | "camera" | "events" | "clips" | "clip" | "rules" | "graph" | "edit", id?, page?, events?, clip?, filter }` of `#/camera/gate`, `#/graph`,
 * `#/?filter=gate`, `#/events?camera=gate&kind=crossing` (`events`: that filter), `#/clips?camera=gate` (the same), `#/clip/NAME?at=1.5` (`clip`: name and at),
 * `#/edit` (page "list"), `#/rules/camera/gate`, `#/edit/new` ("new") and `#/edit/camera/gate` ("camera").
 */
export function currentRoute() {
  const [path, query] = location.hash.replace(/^#/, "").split("?");
  const fields = new URLSearchParams(query ?? "");
  const filter = fields.get("filter") ?? "";
  const [, edit, name] = path.match(/^(\/edit|\/rules)?\/camera\/(.+)$/) ?? [];
  if (name) {
    try {
      const id = decodeURIComponent(name);
      if (edit === "/rules") return { view: "rules", id, filter };
      return edit ? { view: "edit", page: "camera", id, filter } : { view: "camera", id, filter };
    } catch {
      return { view: "grid", filter };
    }
  }
  if (path === "/edit" || path === "/edit/new") return { view: "edit", page: path === "/edit" ? "list" : "new", filter };
  const [, clip] = path.match(/^\/clip\/([\w-]+\.[\w-]+)$/) ?? [];
  if (clip) return { view: "clip", clip: { name: clip, at: Math.max(0, Number(fields.get("at")) || 0) }, filter };
  if (path === "/clips") return { view: "clips", events: filterOf(fields), filter };
  if (path === "/events") return { view: "events", events: filterOf(fields), filter };
  return { view: path === "/graph" ? "graph" : "grid", filter };
}

export function address({ view, id, page, events, clip, filter }) {
  const query = filter ? `?filter=${encodeURIComponent(filter)}` : "";
  if (view === "camera") return `#/camera/${encodeURIComponent(id)}${query}`;
  if (view === "rules") return `#/rules/camera/${encodeURIComponent(id)}`;
  if (view === "edit") return { list: "#/edit", new: "#/edit/new", camera: `#/edit/camera/${encodeURIComponent(id)}` }[page];
  if (view === "clip") return `#/clip/${clip.name}${clip.at > 0 ? `?at=${Number(clip.at.toFixed(3))}` : ""}`;
  if (view === "events" || view === "clips") {
    const fields = new URLSearchParams({ ...events, ...(filter ? { filter } : {}) });
    return fields.size > 0 ? `#/${view}?${fields}` : `#/${view}`;
  }
  return view === "graph" ? "#/graph" : `#/${query}`;
}
