// The view in the address, so that it can be kept, shared and gone back to.

/** `{ view: "grid" | "camera" | "graph", id?, filter }` of `#/camera/gate`, `#/graph`, `#/?filter=gate`. */
export function currentRoute() {
  const [path, query] = location.hash.replace(/^#/, "").split("?");
  const filter = new URLSearchParams(query ?? "").get("filter") ?? "";
  const id = path.match(/^\/camera\/(.+)$/)?.[1];
  if (id) {
    try {
      return { view: "camera", id: decodeURIComponent(id), filter };
    } catch {
      return { view: "grid", filter };
    }
  }
  return { view: path === "/graph" ? "graph" : "grid", filter };
}

export function address({ view, id, filter }) {
  const query = filter ? `?filter=${encodeURIComponent(filter)}` : "";
  if (view === "camera") return `#/camera/${encodeURIComponent(id)}${query}`;
  return view === "graph" ? "#/graph" : `#/${query}`;
}
