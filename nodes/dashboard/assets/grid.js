// All cameras: sorted by id, in as many columns as fit.

import { h, setText } from "./dom.js";
import { choose, settings } from "./settings.js";
import { Tile } from "./tile.js";
import { byId } from "./text.js";

const GAP = 8;
const BAR = 26;
/** Below this width of a tile the grid scrolls instead. */
const SMALLEST_TILE = 116;
const SMALLEST_TILE_PHONE = 150;
/** Tiles change places only when nobody has touched the page for so long. */
const QUIET_MS = 8000;

export class Grid {
  #main = document.getElementById("main");
  #list = document.getElementById("grid");
  #empty = document.getElementById("grid-empty");
  #tiles = new Map();
  #observer = new IntersectionObserver((entries) => this.#seen(entries), { rootMargin: "80px 0px" });
  #filter = "";
  #touchedAt = 0;
  #current = null;
  #columns = 1;
  #size = "";
  /** Tiles have come for which nothing was moved. */
  #isUnfit = false;

  constructor({ feeds, onOpen, onVisible }) {
    this.feeds = feeds;
    this.onOpen = onOpen;
    this.onVisible = onVisible;
    new ResizeObserver(() => this.#resized()).observe(this.#main);
    window.addEventListener("resize", () => this.#resized());
    for (const event of ["pointerdown", "pointermove", "keydown", "scroll", "touchstart"]) {
      window.addEventListener(event, () => (this.#touchedAt = performance.now()), { passive: true, capture: true });
    }
    this.#list.addEventListener("focusin", ({ target }) => this.#focused(target.closest(".tile")?.dataset.camera));
  }

  get visible() {
    return [...this.#tiles.values()].filter((tile) => tile.isVisible).map((tile) => tile.id);
  }

  tile(id) {
    return this.#tiles.get(id);
  }

  /** Ids in the order on the page, those that the filter hides left out. */
  get order() {
    return this.#elements().map((element) => element.dataset.camera);
  }

  update(model) {
    const isFirst = this.#tiles.size === 0;
    const added = [...model.cameras.keys()].filter((id) => !this.#tiles.has(id)).sort(byId);
    for (const id of added) this.#add(id, isFirst);
    if (added.length > 0) {
      if (isFirst) this.#arrange();
      else this.#isUnfit = true;
      this.#keepReachable();
    }
    for (const tile of this.#tiles.values()) {
      const camera = model.cameras.get(tile.id);
      tile.update({ camera, feed: this.feeds.of(tile.id), nowMs: model.nowMs, isConnected: model.isConnected });
    }
    if (performance.now() - this.#touchedAt > QUIET_MS || document.hidden) this.#settle(model);
    this.#tellEmpty(model);
  }

  filter(text) {
    this.#filter = text.trim().toLowerCase();
    for (const tile of this.#tiles.values()) tile.element.hidden = !this.#passes(tile.id);
    this.#arrange();
    this.#keepReachable();
  }

  /** Moves the focus by rows and columns; false where there is no tile. */
  move(columns, rows) {
    const order = this.order;
    if (order.length === 0) return false;
    const at = Math.max(0, order.indexOf(this.#current));
    const isFocused = document.activeElement?.closest?.(".tile");
    const to = isFocused ? at + columns + rows * this.#columns : at;
    return to >= 0 && to < order.length ? this.focus(order[to]) : false;
  }

  focus(id) {
    const tile = this.#tiles.get(id);
    if (!tile || tile.element.hidden) return false;
    tile.button.focus();
    tile.element.scrollIntoView({ block: "nearest" });
    return true;
  }

  /** Larger (+1) or smaller (-1) tiles. */
  zoom(step) {
    choose("zoom", Math.max(-4, Math.min(6, step === 0 ? 0 : settings.zoom + step)));
    this.#arrange();
  }

  #add(id, isFirst) {
    const tile = new Tile(id, this.onOpen);
    this.#tiles.set(id, tile);
    tile.element.hidden = !this.#passes(id);
    if (!isFirst) tile.element.classList.add("new");
    // At the end, and below the others if need be: nothing else moves. It is sorted in when the page is left alone.
    this.#list.append(tile.element);
    this.feeds.of(id).screens.add(tile.screen);
    this.#observer.observe(tile.element);
  }

  /** Takes out what was removed, sorts, and fits the tiles again, where that changes anything. */
  #settle(model) {
    for (const [id, tile] of this.#tiles) {
      if (model.cameras.get(id).state !== "removed" || !model.isConnected || model.removedFor(id) < QUIET_MS) continue;
      if (tile.element.contains(document.activeElement)) continue;
      this.#observer.unobserve(tile.element);
      tile.dispose();
      this.#tiles.delete(id);
      if (this.#current === id) this.#current = null;
      this.feeds.of(id).screens.delete(tile.screen);
      this.feeds.forget(id);
      model.forget(id);
      this.#isUnfit = true;
      this.onVisible();
    }
    if (this.#isUnfit) {
      this.#isUnfit = false;
      this.#arrange();
    }
    this.#sort();
    this.#keepReachable();
  }

  #sort() {
    const elements = [...this.#list.children];
    const sorted = elements.toSorted((a, b) => byId(a.dataset.camera, b.dataset.camera));
    if (elements.every((element, i) => element === sorted[i])) return;
    const focused = document.activeElement;
    this.#list.append(...sorted);
    if (this.#list.contains(focused)) focused.focus({ preventScroll: true });
  }

  #passes(id) {
    return id.toLowerCase().includes(this.#filter);
  }

  #elements() {
    return [...this.#list.children].filter((element) => !element.hidden);
  }

  /** One of the tiles that are seen is in the tab order. */
  #keepReachable() {
    const { order } = this;
    if (!order.includes(this.#current)) this.#focused(order[0]);
  }

  /** One tile is in the tab order; arrow keys go on from it. */
  #focused(id) {
    if (!id || id === this.#current) return;
    const old = this.#tiles.get(this.#current);
    if (old) old.button.tabIndex = -1;
    this.#current = id;
    this.#tiles.get(id).button.tabIndex = 0;
  }

  #seen(entries) {
    for (const { target, isIntersecting } of entries) {
      const tile = this.#tiles.get(target.dataset.camera);
      if (tile) tile.isVisible = isIntersecting;
    }
    this.onVisible();
  }

  /** The grid is as high as its tiles: only another place for it asks for another fit. */
  #resized() {
    const top = this.#main.getBoundingClientRect().top + window.scrollY;
    const size = [this.#main.clientWidth, window.innerHeight, top].join();
    if (size === this.#size) return;
    this.#size = size;
    this.#arrange();
  }

  #arrange() {
    const main = this.#main;
    const style = getComputedStyle(main);
    const width = main.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight);
    const top = main.getBoundingClientRect().top + window.scrollY;
    const height = window.innerHeight - top - parseFloat(style.paddingTop) - parseFloat(style.paddingBottom);
    const tiles = this.#elements().length;
    if (width <= 0 || tiles === 0) return;
    const { columns, tile, isFitting } = fit(tiles, width, height, settings.zoom);
    this.#columns = columns;
    this.#list.style.setProperty("--columns", columns);
    this.#list.style.setProperty("--tile", isFitting ? `${tile}px` : "1fr");
  }

  #tellEmpty(model) {
    const isEmpty = this.order.length === 0;
    this.#empty.hidden = !isEmpty;
    if (!isEmpty) return;
    const text = this.#filter
      ? `No camera's name contains “${this.#filter}”.`
      : model.isKnown
        ? "No cameras yet. List them in cameras.yml: they appear here."
        : "Waiting for the server…";
    setText(this.#empty, text);
  }
}

/** The columns with which all tiles are seen and are largest; where they would be too small, as many as are readable. */
export function fit(tiles, width, height, zoom) {
  const smallest = width < 600 ? SMALLEST_TILE_PHONE : SMALLEST_TILE;
  const most = Math.max(1, Math.min(tiles, Math.floor((width + GAP) / (smallest + GAP))));
  const byWidth = (columns) => (width - GAP * (columns - 1)) / columns;
  let best = { columns: most, tile: 0, isFitting: false };
  for (let columns = 1; columns <= most; columns++) {
    const rows = Math.ceil(tiles / columns);
    const byHeight = ((height - GAP * (rows - 1)) / rows - BAR) * (16 / 9);
    const tile = Math.floor(Math.min(byWidth(columns), byHeight));
    if (tile >= smallest && tile > best.tile) best = { columns, tile, isFitting: true };
  }
  if (zoom === 0) return best;
  const columns = Math.max(1, Math.min(best.columns - zoom, most));
  return { columns, tile: byWidth(columns), isFitting: false };
}
