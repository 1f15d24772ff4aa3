// The line at the top: how all is, in one glance; and what is wrong with the connection.

import { h, setAttribute, setText, setStateIcon, stateIcon } from "./dom.js";
import { count, duration, millis, rate, timeOfDay, UNKNOWN } from "./text.js";

export class TopBar {
  #icon = stateIcon("unknown");
  #live = h("b");
  #fps = h("b");
  #latency = h("b");
  #worst = h("a", { class: "worst" });
  #warningsCount = h("span");
  #warningsWord = h("span", { class: "word" });
  #warnings = h("button", { type: "button", class: "warnings", hidden: true }, this.#warningsCount, this.#warningsWord);
  #age = h("span", { class: "figure age", hidden: true });
  #banner = document.getElementById("banner");
  #bannerText = h("span");
  #bannerButton = h("button", { type: "button" });
  #dialog = document.getElementById("warnings-dialog");

  constructor({ onRetry }) {
    this.onRetry = onRetry;
    document.getElementById("summary").append(
      h("span", { class: "figure live" }, this.#icon, this.#live, " live"),
      h("span", { class: "figure" }, this.#fps, " frames/s"),
      h("span", { class: "figure" }, "worst ", this.#latency, " ", this.#worst),
      this.#warnings,
      this.#age,
    );
    this.#banner.append(this.#bannerText, this.#bannerButton);
    this.#bannerButton.addEventListener("click", () => this.#act());
    this.#warnings.addEventListener("click", () => this.#dialog.showModal());
    this.#dialog.addEventListener("click", ({ target }) => target === this.#dialog && this.#dialog.close());
  }

  update(model, status) {
    const { live, total, fps, worst } = model.overall;
    const { isConnected } = model;
    const isGood = live === total;
    setStateIcon(this.#icon, !isConnected ? "unknown" : isGood ? "live" : live === 0 ? "offline" : "stalled");
    setAttribute(this.#icon.parentElement, "data-level", !isConnected ? "unknown" : isGood ? "ok" : live === 0 ? "bad" : "warn");
    setText(this.#live, isConnected ? `${live} of ${total}` : UNKNOWN);
    setText(this.#fps, isConnected ? rate(fps) : UNKNOWN);
    setText(this.#latency, isConnected && worst ? millis(worst.latency_ms.p95) : UNKNOWN);
    setText(this.#worst, isConnected && worst ? worst.id : "");
    setAttribute(this.#worst, "href", isConnected && worst ? `#/camera/${encodeURIComponent(worst.id)}` : null);
    this.#showWarnings(model);
    this.#age.hidden = isConnected || model.heardAt === null;
    setText(this.#age, model.heardAt === null ? "" : `as of ${timeOfDay(model.heardAt, { seconds: true })}`);
    this.#showConnection(status);
    document.title = !isConnected ? "camweave: not connected" : live === total ? "camweave" : `(${live}/${total}) camweave`;
  }

  #showWarnings({ warnings, isConnected }) {
    this.#warnings.hidden = warnings.length === 0 || !isConnected;
    setText(this.#warningsCount, count(warnings.length));
    setText(this.#warningsWord, warnings.length === 1 ? " warning" : " warnings");
    const known = JSON.stringify(warnings);
    if (this.#dialog.dataset.known === known) return;
    this.#dialog.dataset.known = known;
    this.#dialog.replaceChildren(
      h("h2", { id: "warnings-title" }, "Warnings"),
      h("ul", {}, ...warnings.map((text) => h("li", {}, text))),
      h("form", { method: "dialog" }, h("button", {}, "Close")),
    );
  }

  #showConnection({ is, why, since, retryAt }) {
    this.#banner.hidden = is !== "lost" && is !== "outdated";
    if (is === "outdated") {
      setText(this.#bannerText, "The server is of another version than this page.");
      setText(this.#bannerButton, "Load it again");
      return;
    }
    if (is !== "lost") return;
    // The text is announced when it changes: at most once a minute.
    const lost = Date.now() - since < 60_000 ? "" : ` for ${duration(Date.now() - since)}`;
    const again = retryAt - Date.now() > 1500 ? "trying again soon" : "trying again";
    setText(this.#bannerText, `Not connected${lost}: ${why}. What you see is old; ${again}.`);
    setText(this.#bannerButton, "Try now");
    this.#banner.dataset.is = is;
  }

  #act() {
    if (this.#bannerButton.textContent === "Try now") this.onRetry();
    else location.reload();
  }
}
