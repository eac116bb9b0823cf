// Small things that every part of the page does with elements.

import { TOGGLES } from "../words/text.js";
import { WORDS } from "../words/words.js";

export const $ = (id) => document.getElementById(id);

// Writing the same words again would still cost a layout.
export function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

export function append(parent, tag, className = "") {
  const element = document.createElement(tag);
  element.className = className;
  parent.append(element);
  return element;
}

export function name(element, words) {
  if (element.title === words) return;
  element.title = words;
  element.setAttribute("aria-label", words);
}

// Give every element of the page its words.
export function fillWords(root = document) {
  for (const element of root.querySelectorAll("[data-words]")) element.textContent = WORDS[element.dataset.words];
  for (const element of root.querySelectorAll("[data-name]")) {
    const words = WORDS[element.dataset.name];
    element.setAttribute("aria-label", words);
    if (element.matches("button, input, select")) element.title = words;
  }
  for (const element of root.querySelectorAll("[data-hint]")) element.title = WORDS[element.dataset.hint];
}

// A button that is on or off, with the words of TOGGLES[key].
export function showToggle(button, key, on) {
  const { press, ...words } = TOGGLES[key];
  const now = on ? "on" : "off";
  button.setAttribute("aria-pressed", String(on));
  name(button, press[now]);
  write(button.querySelector(".action-words") ?? button, words[now]);
}

// A group of buttons of which one is chosen; choose(value) is told when a person chooses.
export class Choice {
  #buttons;

  constructor(group, choose) {
    this.#buttons = [...group.querySelectorAll("button")];
    for (const button of this.#buttons) button.addEventListener("click", () => choose(button.value));
  }

  get values() {
    return this.#buttons.map((button) => button.value);
  }

  // Let only some be chosen.
  allow(values) {
    for (const button of this.#buttons) button.disabled = !values.includes(button.value);
  }

  show(value) {
    for (const button of this.#buttons) button.setAttribute("aria-pressed", String(button.value === value));
  }
}

// What this browser keeps for the page, or null.
export function remembered(key) {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}

export function remember(key, value) {
  try {
    localStorage.setItem(key, value);
  } catch {
    // storage is forbidden here: the choice lasts as long as the page
  }
}

// Save a file from the page.
export function save(blob, fileName) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = fileName;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
