// The keyboard, as the help lists it.

/** `actions` has a function of each name used here; those of arrows return whether they did anything. */
export function listenToKeys(actions) {
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
    const isTyping = event.target.matches('input:not([type="range"]), textarea, select');
    if (event.key === "Escape") {
      actions.escape(event.target);
      return;
    }
    if (isTyping) {
      if (event.target.type === "search" && (event.key === "Enter" || event.key === "ArrowDown")) {
        event.preventDefault();
        actions.arrow(0, 0);
      }
      return;
    }
    // What has the focus is pressed by it.
    if (event.key === " " && event.target.matches("button, a, summary")) return;
    const action = {
      ArrowLeft: () => actions.arrow(-1, 0),
      ArrowRight: () => actions.arrow(1, 0),
      ArrowUp: () => actions.arrow(0, -1),
      ArrowDown: () => actions.arrow(0, 1),
      "/": actions.filter,
      "?": actions.help,
      g: actions.graph,
      v: actions.events,
      e: actions.edit,
      b: actions.boxes,
      t: actions.trails,
      z: actions.zones,
      d: actions.theme,
      "+": () => actions.zoom(1),
      "=": () => actions.zoom(1),
      "-": () => actions.zoom(-1),
      0: () => actions.zoom(0),
      " ": actions.play,
      ",": () => actions.frame(-1),
      ".": () => actions.frame(1),
      "<": () => actions.speed(-1),
      ">": () => actions.speed(1),
      p: () => actions.clip(-1),
      n: () => actions.clip(1),
    }[event.key];
    // Where an arrow moves nothing, it scrolls.
    if (action && action() !== false) event.preventDefault();
  });
}
