// The cameras of the file, each with how it is now.

import { h, setAttribute, setStateIcon, setText, stateIcon } from "./dom.js";
import { address } from "./route.js";
import { byId, rate, STATE_NAMES } from "./text.js";


export class CameraList {
  #rows = new Map();
  #list = h("ul", { class: "camera-list", role: "list", "aria-label": "Cameras of the file" });
  element = this.#list;

  /** `cameras`: of the file, by id. `isDraft(id)`: whether something typed for it is not saved. */
  update(cameras, { model, isDraft }) {
    for (const [id, row] of this.#rows) {
      if (cameras.has(id)) continue;
      row.element.remove();
      this.#rows.delete(id);
    }
    const ids = [...cameras.keys()].sort(byId);
    ids.forEach((id, i) => {
      if (!this.#rows.has(id)) this.#rows.set(id, new Row(id));
      const row = this.#rows.get(id);
      if (this.#list.children[i] !== row.element) this.#list.insertBefore(row.element, this.#list.children[i] ?? null);
      row.update(cameras.get(id), { now: model.cameras.get(id), isConnected: model.isConnected, isDraft: isDraft(id) });
    });
  }

  focus(id) {
    const row = this.#rows.get(id);
    row?.link.focus();
    return row !== undefined;
  }

  /** Moves the focus by so many rows; false where there is none. */
  move(rows) {
    const links = [...this.#list.querySelectorAll(".camera-name")];
    const at = links.indexOf(document.activeElement.closest?.(".camera-row")?.querySelector(".camera-name"));
    const link = links[at < 0 ? 0 : at + rows];
    link?.focus();
    return link !== undefined;
  }
}

class Row {
  #icon = stateIcon("unknown");
  #state = h("span", { class: "camera-state" });
  #url = h("span", { class: "camera-url" });
  #detection = h("span", { class: "camera-detection" });
  #login = h("span", { class: "camera-login" });
  #draft = h("span", { class: "camera-draft", hidden: true }, "not saved");

  constructor(id) {
    // The link covers the row: all of it can be hit.
    this.link = h("a", { class: "camera-name", href: address({ view: "edit", page: "camera", id }) }, id);
    this.element = h("li", { class: "camera-row", "data-camera": id },
      this.#icon, h("span", { class: "camera-title" }, this.link, this.#draft), this.#state, this.#url, this.#detection, this.#login);
  }

  update(camera, { now, isConnected, isDraft }) {
    const state = isConnected ? (now?.state ?? "connecting") : "unknown";
    setStateIcon(this.#icon, state);
    setAttribute(this.element, "data-state", state);
    setText(this.#state, stateText(state, now));
    setText(this.#url, camera.url);
    this.#url.title = camera.url;
    setText(this.#detection, detectionText(camera));
    setText(this.#login, [camera.transport?.toUpperCase(), camera.has_credentials ? "login set" : null].filter(Boolean).join(", "));
    this.#draft.hidden = !isDraft;
  }
}

function detectionText({ detect, detect_fps: fps }) {
  if (detect === "off") return "Detects nothing";
  const often = fps === null ? "" : `${Number(fps.toPrecision(3))} frames/s`;
  if (detect === "motion") return `Detects ${often ? `on ${often} ` : ""}while something moves`;
  return `Detects on ${often || "every frame"}`;
}

/** How a camera is, why, and what to do. */
export function explainState(state, now) {
  return [stateText(state, now), now?.why && `: ${now.why}`, now?.todo && ` → ${now.todo}`].filter(Boolean).join("");
}

/** How a camera is, in a few words. */
function stateText(state, now) {
  return state === "live" ? `Live, ${rate(now.fps)}/s` : (STATE_NAMES[state] ?? state);
}
