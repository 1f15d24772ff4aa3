// The view in the address, so that it can be kept, shared and gone back to.

/**
 * `{ view: "grid" | "camera" | "graph" | "edit", id?, page?, filter }` of `#/camera/gate`, `#/graph`, `#/?filter=gate`,
 * `#/edit` (page "list"), `#/edit/new` ("new") and `#/edit/camera/gate` ("camera").
 */
export function currentRoute() {
  const [path, query] = location.hash.replace(/^#/, "").split("?");
  const filter = new URLSearchParams(query ?? "").get("filter") ?? "";
  const [, edit, name] = path.match(/^(\/edit)?\/camera\/(.+)$/) ?? [];
  if (name) {
    try {
      const id = decodeURIComponent(name);
      return edit ? { view: "edit", page: "camera", id, filter } : { view: "camera", id, filter };
    } catch {
      return { view: "grid", filter };
    }
  }
  if (path === "/edit" || path === "/edit/new") return { view: "edit", page: path === "/edit" ? "list" : "new", filter };
  return { view: path === "/graph" ? "graph" : "grid", filter };
}

export function address({ view, id, page, filter }) {
  const query = filter ? `?filter=${encodeURIComponent(filter)}` : "";
  if (view === "camera") return `#/camera/${encodeURIComponent(id)}${query}`;
  if (view === "edit") return { list: "#/edit", new: "#/edit/new", camera: `#/edit/camera/${encodeURIComponent(id)}` }[page];
  return view === "graph" ? "#/graph" : `#/${query}`;
}
