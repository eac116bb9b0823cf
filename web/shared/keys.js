// Keyboard shortcuts: which key asks for what, whether they are wanted at all, and the overlay that lists them.
//
// A shortcut is the character that a key gives. Where the layout in use gives it nowhere (a Cyrillic one, or the
// brackets of a German keyboard), it is the key in that place; the overlay shows what is written on it.

import { remember, remembered } from "./page.js";
import { SHORTCUTS } from "../words/text.js";

// Characters as `event.key` names them, in lower case; the order is that of the list.
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

const PLACES = { " ": "Space", "[": "BracketLeft", "]": "BracketRight", "?": "Slash" };
const ACTIONS = new Map(Object.entries(KEYS).map(([action, key]) => [key, action]));
const BY_PLACE = new Map(Object.entries(KEYS).map(([action, key]) => [placeOf(key), action]));
const TYPING = "input:not([type=range], [type=checkbox]), select, textarea";
const OFF = "confcodec-keys";

// Where that character is on a US keyboard, as `event.code` names places.
function placeOf(key) {
  return PLACES[key] ?? `Key${key.toUpperCase()}`;
}

// The action that a key press asks for, or null. layout: the characters by place, where the browser tells them.
export function actionOf(event, layout = null) {
  const { ctrlKey, altKey, metaKey, repeat, isComposing, target } = event;
  if (ctrlKey || altKey || metaKey || repeat || isComposing || target?.closest?.(TYPING)) return null;
  const action = ACTIONS.get(event.key.toLowerCase()) ?? byPlace(event, layout);
  // The space bar presses the button that has the focus.
  return action === "pause" && target?.closest?.("button, summary, a, input") ? null : action;
}

// The action of a key that gives another character than a US keyboard's, or null if that character is elsewhere.
function byPlace({ key, code, shiftKey }, layout) {
  const action = BY_PLACE.get(code) ?? null;
  // Only letters are the same key with and without Shift.
  if (action === null || action === "help" || (shiftKey && !code.startsWith("Key"))) return null;
  const foreign = key === "Dead" || /^[^\x00-\x7f]/.test(key);
  if (!layout) return foreign ? action : null;
  // A map has the Latin letters of a keyboard that has others, too: then its key gives something else at the moment.
  const other = layout.get(code) !== key.toLowerCase();
  return other || !gives(layout, KEYS[action]) ? action : null;
}

const gives = (layout, key) => [...layout.values()].includes(key);

// What is written on the key of an action.
export function labelOf(action, layout = null) {
  const key = KEYS[action];
  if (key === " ") return "Space";
  const known = !layout || action === "help" || gives(layout, key);
  return ((known ? null : layout.get(placeOf(key))) ?? key).toUpperCase();
}

// The shortcuts of the page: on until a person switches them off, which the browser remembers.
export class Shortcuts {
  #run;
  #switches;
  #layout = null;

  // run[action](event) for each press; an action that `run` lacks does nothing. switches: the checkboxes; list: the
  // overlay's <dl>.
  constructor(run, switches, list) {
    this.#run = run;
    this.#switches = switches;
    for (const each of switches) each.addEventListener("change", () => this.#turn(each.checked));
    this.#turn(remembered(OFF) !== "off");
    addEventListener("keydown", (event) => this.#pressed(event));
    listShortcuts(list, null);
    // Only secure pages of some browsers know what is written on the keys.
    navigator.keyboard?.getLayoutMap?.().then(
      (layout) => {
        this.#layout = layout;
        listShortcuts(list, layout);
      },
      () => {},
    );
  }

  #turn(on) {
    for (const each of this.#switches) each.checked = on;
    remember(OFF, on ? "on" : "off");
  }

  #pressed(event) {
    if (!this.#switches[0].checked || document.querySelector("dialog[open]")) return;
    const action = actionOf(event, this.#layout);
    if (!action || !this.#run[action]) return;
    event.preventDefault();
    this.#run[action](event);
  }
}

function listShortcuts(list, layout) {
  list.replaceChildren();
  for (const action of Object.keys(KEYS)) {
    const group = document.createElement("div");
    const term = document.createElement("dt");
    const cap = document.createElement("kbd");
    cap.textContent = labelOf(action, layout);
    term.append(cap);
    const what = document.createElement("dd");
    what.textContent = SHORTCUTS[action];
    group.append(term, what);
    list.append(group);
  }
}
