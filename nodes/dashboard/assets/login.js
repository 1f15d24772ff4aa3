// The form for the token that the server printed at its first start.

import { h, setText } from "./dom.js";

export class Login {
  #section = document.getElementById("login-view");
  #token = h("input", {
    type: "password", id: "token", name: "token", required: true, autocomplete: "current-password",
    autocapitalize: "off", spellcheck: "false", "aria-describedby": "login-error",
  });
  #button = h("button", { type: "submit", class: "primary" }, "Log in");
  #error = h("p", { class: "login-error", id: "login-error", role: "alert" });

  constructor(onDone) {
    this.onDone = onDone;
    this.#section.append(
      h(
        "form",
        { class: "login", onsubmit: (event) => this.#submit(event) },
        h("h1", {}, "Log in"),
        h("p", {}, "The server asks for its token. It was printed once, when the dashboard first started."),
        // Password managers want a name to keep it under.
        h("input", { type: "text", name: "username", autocomplete: "username", value: "camweave", hidden: true }),
        h("label", { for: "token" }, "Token"),
        this.#token,
        this.#error,
        this.#button,
      ),
    );
  }

  show(isShown) {
    if (this.#section.hidden === !isShown) return;
    this.#section.hidden = !isShown;
    if (isShown) this.#token.focus();
  }

  async #submit(event) {
    event.preventDefault();
    this.#button.disabled = true;
    setText(this.#error, "");
    try {
      const body = JSON.stringify({ token: this.#token.value.trim() });
      const headers = { "content-type": "application/json" };
      const answer = await fetch("/login", { method: "POST", headers, body, credentials: "same-origin" });
      if (answer.ok) {
        this.#token.value = "";
        this.onDone();
      } else {
        setText(this.#error, await complaint(answer));
        this.#token.select();
      }
    } catch {
      setText(this.#error, "The server does not answer.");
    } finally {
      this.#button.disabled = false;
    }
  }
}

async function complaint(answer) {
  if (answer.status === 401) return "This is not the token. Check that all of it was copied.";
  if (answer.status === 429) return "Too many attempts. Wait a minute, then try again.";
  const { error } = await answer.json().catch(() => ({}));
  return error ?? `The server answered ${answer.status}.`;
}
