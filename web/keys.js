// Keyboard shortcuts, and the overlay that lists them.

import { SHORTCUTS } from "./text.js";

// Keys as `event.key` names them, in lower case; the order is that of the list.
export const KEYS = {
  camera: "v",
  microphone: "m",
  swap: "s",
  fullscreen: "f",
  pip: "p",
  record: "r",
  leave: "q",
  laboratory: "l",
  pause: " ",
  mode: "d",
  zoom: "z",
  worse: "[",
  better: "]",
  help: "?",
};

const ACTIONS = new Map(Object.entries(KEYS).map(([action, key]) => [key, action]));
const TYPING = "input:not([type=range]), select, textarea";

// The action that a key press asks for, or null.
export function actionOf({ key, ctrlKey, altKey, metaKey, repeat, target }) {
  if (ctrlKey || altKey || metaKey || repeat || target?.closest?.(TYPING)) return null;
  const action = ACTIONS.get(key.toLowerCase()) ?? null;
  // The space bar presses the button that has the focus.
  return action === "pause" && target?.closest?.("button, summary, a") ? null : action;
}

// Calls run[action](event) for each press; an action that `run` lacks does nothing.
export function listen(run) {
  addEventListener("keydown", (event) => {
    const action = document.querySelector("dialog[open]") ? null : actionOf(event);
    if (!action || !run[action]) return;
    event.preventDefault();
    run[action](event);
  });
}

// Fill the overlay's <dl>.
export function listShortcuts(list) {
  for (const [action, key] of Object.entries(KEYS)) {
    const group = document.createElement("div");
    const term = document.createElement("dt");
    const cap = document.createElement("kbd");
    cap.textContent = key === " " ? "Space" : key.toUpperCase();
    term.append(cap);
    const what = document.createElement("dd");
    what.textContent = SHORTCUTS[action];
    group.append(term, what);
    list.append(group);
  }
}
