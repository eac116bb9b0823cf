// What a person sets: quality and codec. The server's state is the truth (another page may change it); a control
// shows its own wish only while it is being moved, or until the server has answered.

import { CHOOSING, COPIED, codecName, switchingTo } from "../words/text.js";

const DEBOUNCE = 80; // ms between moving the slider and asking the server
const ANSWER = 1500; // ms within which the server's state should follow a wish

export class QualityControl {
  #slider;
  #number;
  #send;
  #timer = null;
  #wish = null;
  #wishUntil = 0;

  // slider and number: the two inputs of the same value; send(quality).
  constructor(slider, number, send) {
    this.#slider = slider;
    this.#number = number;
    this.#send = send;
    slider.addEventListener("input", () => this.#want(slider.valueAsNumber));
    number.addEventListener("input", () => {
      if (number.checkValidity() && Number.isInteger(number.valueAsNumber)) this.#want(number.valueAsNumber);
    });
    number.addEventListener("change", () => this.#write(slider.valueAsNumber));
  }

  // Follow the server's state.
  show(quality) {
    if (this.#wish !== null && quality !== this.#wish && performance.now() < this.#wishUntil) return;
    this.#wish = null;
    if (document.activeElement === this.#number && this.#number.value === "") return;
    this.#write(quality);
  }

  #want(quality) {
    this.#wish = quality;
    this.#wishUntil = performance.now() + ANSWER;
    this.#write(quality);
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#send(quality), DEBOUNCE);
  }

  #write(quality) {
    this.#slider.value = quality;
    if (this.#number.valueAsNumber !== quality) this.#number.value = quality;
  }
}

export class CodecControl {
  #select;
  #note;
  #wish = null;

  // select: the list; note: says what is going on; send(codec).
  constructor(select, note, send) {
    this.#select = select;
    this.#note = note;
    select.addEventListener("change", () => {
      this.#wish = select.value;
      note.textContent = switchingTo(select.value);
      send(select.value);
    });
  }

  // Follow the server's state.
  show(codecs, codec) {
    const known = Array.from(this.#select.options, (option) => option.value);
    if (known.join() !== codecs.join()) {
      this.#select.replaceChildren(...codecs.map((name) => new Option(codecName(name), name)));
    }
    if (this.#wish !== null && codec !== this.#wish) return;
    this.giveUp();
    this.#select.value = codec; // not in the list: the server has yet to choose
    if (this.#select.selectedIndex < 0) this.#note.textContent = CHOOSING;
  }

  // The server will not fulfil the wish: an error, or a lost connection.
  giveUp() {
    this.#wish = null;
    this.#note.textContent = "";
  }
}

// A button that copies what `text()` gives, and says whether it did.
export function copyButton(button, text) {
  const label = button.textContent;
  let timer;
  button.addEventListener("click", async () => {
    button.textContent = (await copy(text())) ? COPIED.yes : COPIED.no;
    clearTimeout(timer);
    timer = setTimeout(() => (button.textContent = label), 2000);
  });
}

async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return copyFromField(text); // no clipboard on plain http from another machine
  }
}

function copyFromField(text) {
  const focused = document.activeElement;
  const field = document.createElement("textarea");
  field.className = "offscreen";
  field.value = text;
  document.body.append(field);
  field.select();
  const copied = document.execCommand("copy");
  field.remove();
  focused?.focus();
  return copied;
}
