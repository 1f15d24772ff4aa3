// The WebSocket: opened, watched over, and opened again with growing waits.

import { parseBinary, PROTOCOL } from "./protocol.js";

const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 10_000;
/** The server sends its state once a second. */
const SILENCE_MS = 6000;

/**
 * Events: `status` (see `status`), `json` and `binary` (detail: the message).
 * `status` is `{ is: "connecting" | "open" | "lost" | "login" | "outdated", why, since, retryAt }`.
 */
export class Connection extends EventTarget {
  status = { is: "connecting", why: null, since: Date.now(), retryAt: null };
  #socket = null;
  #wait = FIRST_WAIT_MS;
  #timer = 0;
  #heardAt = 0;
  #attempt = 0;
  #refusal = null;

  constructor() {
    super();
    setInterval(() => this.#checkSilence(), 1000);
    window.addEventListener("online", () => this.status.is === "lost" && this.open());
  }

  /** Opens, at once: also the answer to "try again now". */
  async open() {
    const attempt = ++this.#attempt;
    clearTimeout(this.#timer);
    this.#socket?.close();
    this.#socket = null;
    try {
      // A WebSocket does not tell why it was refused, this does.
      const answer = await fetch("/api/state", { cache: "no-store", signal: AbortSignal.timeout(8000) });
      if (attempt !== this.#attempt) return;
      if (answer.status === 401) return this.#become("login");
      if (!answer.ok) return this.#lose((await answer.json().catch(() => ({}))).error ?? `HTTP ${answer.status}`);
    } catch {
      if (attempt === this.#attempt) this.#lose("the server does not answer");
      return;
    }
    this.#openSocket();
  }

  send(message) {
    if (this.status.is === "open") this.#socket.send(JSON.stringify(message));
  }

  #openSocket() {
    const socket = new WebSocket(new URL("/ws", location.href.replace(/^http/, "ws")));
    socket.binaryType = "arraybuffer";
    this.#socket = socket;
    this.#refusal = null;
    this.#heardAt = performance.now();
    const isCurrent = () => socket === this.#socket;
    socket.onmessage = ({ data }) => isCurrent() && this.#hear(data);
    socket.onclose = ({ reason }) => isCurrent() && this.#lose(this.#refusal || reason || "the server has closed the connection");
  }

  #hear(data) {
    this.#heardAt = performance.now();
    if (typeof data !== "string") {
      const message = parseBinary(data);
      if (message) this.dispatchEvent(new CustomEvent("binary", { detail: message }));
      return;
    }
    let message;
    try {
      message = JSON.parse(data);
    } catch {
      return;
    }
    if (message === null) return;
    if (message.type === "hello") this.#greet(message);
    else if (message.type === "error") this.#refusal = message.error;
    else this.dispatchEvent(new CustomEvent("json", { detail: message }));
  }

  #greet({ protocol }) {
    if (protocol !== PROTOCOL) {
      this.#become("outdated");
      this.#socket.close();
      return;
    }
    this.#wait = FIRST_WAIT_MS;
    this.#become("open");
  }

  #checkSilence() {
    const isUp = this.#socket && this.#socket.readyState <= WebSocket.OPEN;
    if (isUp && performance.now() - this.#heardAt > SILENCE_MS) this.#lose("the server has fallen silent");
  }

  #lose(why) {
    const socket = this.#socket;
    this.#socket = null;
    socket?.close();
    if (this.status.is === "outdated") return;
    // Not all pages at once, after a restart of the server.
    const wait = this.#wait * (0.75 + Math.random() / 2);
    this.#wait = Math.min(this.#wait * 2, LONGEST_WAIT_MS);
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.open(), wait);
    this.#become("lost", why, Date.now() + wait);
  }

  #become(is, why = null, retryAt = null) {
    const since = is === this.status.is ? this.status.since : Date.now();
    this.status = { is, why, since, retryAt };
    this.dispatchEvent(new Event("status"));
  }
}
