// Sliders that make the network worse, where the server offers that.

import { $, append, write } from "../shared/page.js";
import { IMPAIRMENTS } from "../words/text.js";

const DEBOUNCE = 120; // ms
// Each: the range of the slider, and its value in the message's unit.
const SLIDERS = {
  loss: { max: 30, step: 0.5, unit: 0.01 },
  burst: { min: 1, max: 10, step: 1, unit: 1 },
  delay: { max: 300, step: 5, unit: 0.001 },
  jitter: { max: 100, step: 5, unit: 0.001 },
  rate: { max: 10, step: 0.25, unit: 1e6 }, // 0: no limit
};

export class Impair {
  #send;
  #inputs = {};
  #timer = null;
  #wished = -Infinity;

  constructor(send) {
    this.#send = send;
    for (const [name, { min = 0, max, step }] of Object.entries(SLIDERS)) {
      const label = append($("impairments"), "label");
      append(label, "span").textContent = IMPAIRMENTS[name].label;
      const input = Object.assign(append(label, "input"), { type: "range", id: `impair-${name}`, min, max, step, value: min });
      const output = append(label, "output");
      input.addEventListener("input", () => this.#changed());
      this.#inputs[name] = { input, output };
    }
    $("unimpaired").addEventListener("click", () => {
      for (const [name, { input }] of Object.entries(this.#inputs)) input.value = SLIDERS[name].min ?? 0;
      this.#changed();
    });
    this.#write();
  }

  // Follow the server's state, unless a person has just moved a slider.
  follow({ impair, impairment }) {
    $("network").hidden = !impair;
    if (!impairment || performance.now() - this.#wished < 1500) return;
    for (const [name, { input }] of Object.entries(this.#inputs)) {
      const { unit, min = 0 } = SLIDERS[name];
      input.value = typeof impairment[name] === "number" ? impairment[name] / unit : min;
    }
    this.#write();
  }

  #changed() {
    this.#wished = performance.now();
    this.#write();
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#send({ type: "impair", ...this.#wish() }), DEBOUNCE);
  }

  #wish() {
    const wish = {};
    for (const [name, { input }] of Object.entries(this.#inputs)) {
      wish[name] = +(input.valueAsNumber * SLIDERS[name].unit).toPrecision(6);
    }
    return { ...wish, rate: wish.rate || null };
  }

  #write() {
    for (const [name, { input, output }] of Object.entries(this.#inputs)) {
      write(output, IMPAIRMENTS[name].value(input.valueAsNumber));
    }
  }
}
