// The same frame through other codecs in the same number of bytes: asked of the server while the laboratory is open.

import { $, append, write } from "../shared/page.js";
import { paint, toBitmap } from "../call/stage.js";
import { codecName, EQUAL } from "../words/text.js";
import { parseComparison, parseMessage } from "../wire/messages.js";

const RETRY = 1000; // ms

export class Comparison {
  #address;
  #socket = null;
  #retry = null;
  #codecs = [];
  #wanted = null;
  #cards = new Map();
  #onshow;
  #onlook;

  // address() gives the WebSocket's; onshow(comparison) is told {frame, pictures: Map of name to {canvas, ...}};
  // onlook(name) that a person wants to see the picture of a card large.
  constructor(address, onshow, onlook) {
    this.#address = address;
    this.#onshow = onshow;
    this.#onlook = onlook;
  }

  open() {
    if (this.#socket) return;
    const socket = new WebSocket(this.#address());
    socket.binaryType = "arraybuffer";
    this.#socket = socket;
    socket.onmessage = ({ data }) => this.#receive(socket, data);
    socket.onclose = () => {
      if (socket !== this.#socket) return;
      this.#socket = null;
      this.#retry = setTimeout(() => this.open(), RETRY);
    };
  }

  close() {
    clearTimeout(this.#retry);
    const socket = this.#socket;
    this.#socket = null;
    // A browser complains of a socket closed before it was open.
    if (socket?.readyState === 0) socket.onopen = () => socket.close();
    else socket?.close();
  }

  // Mark the card whose picture is shown large; null: none.
  mark(subject) {
    for (const [name, { lines: [button] }] of this.#cards) button.setAttribute("aria-pressed", String(name === subject));
  }

  async #receive(socket, data) {
    if (typeof data === "string") {
      const message = parseMessage(data);
      if (message.type === "codecs") this.#offer(message.codecs, message.codecs_wanted);
      else write($("equal-note"), message.message ?? "");
      return;
    }
    const comparison = parseComparison(data);
    const bitmaps = await Promise.all(comparison.pictures.map(({ mediaType, file }) => toBitmap({ mediaType, bytes: file })));
    if (socket !== this.#socket) return;
    this.#show(comparison, bitmaps);
    this.#say({ type: "next" });
  }

  #say(message) {
    if (this.#socket?.readyState === 1) this.#socket.send(JSON.stringify(message));
  }

  // A button for each codec that the server can compare with.
  #offer(codecs, wanted) {
    this.#codecs = codecs;
    this.#wanted ??= new Set(wanted);
    $("equal-codecs").replaceChildren();
    for (const codec of codecs) {
      const button = append($("equal-codecs"), "button");
      button.type = "button";
      button.value = codec;
      button.textContent = codecName(codec);
      button.setAttribute("aria-pressed", String(this.#wanted.has(codec)));
      button.addEventListener("click", () => this.#toggle(button));
    }
    this.#say({ type: "codecs", codecs: [...this.#wanted] });
    this.#say({ type: "next" });
  }

  #toggle(button) {
    const on = !this.#wanted.has(button.value);
    this.#wanted[on ? "add" : "delete"](button.value);
    button.setAttribute("aria-pressed", String(on));
    this.#say({ type: "codecs", codecs: this.#codecs.filter((codec) => this.#wanted.has(codec)) });
  }

  #show({ frame, pictures, note }, bitmaps) {
    const coded = pictures.filter(({ name }) => name !== "original");
    const live = coded.find((picture) => picture.live);
    // A format that cannot be so small has no part in the contest.
    const fair = coded.filter(({ bytes }) => !live || bytes <= live.bytes);
    const best = Math.max(...fair.map(({ psnr_db: psnr }) => psnr));
    const drawn = new Map();
    pictures.forEach((picture, i) => {
      if (!bitmaps[i].bitmap) return;
      const card = this.#card(picture.name);
      paint(card.canvas, { picture: { number: frame }, bitmap: bitmaps[i].bitmap });
      bitmaps[i].bitmap.close();
      drawn.set(picture.name, { ...picture, canvas: card.canvas });
      EQUAL.card(picture, live).forEach((text, line) => write(card.lines[line], text));
      card.figure.classList.toggle("best", fair.includes(picture) && picture.psnr_db === best && coded.length > 1);
      card.figure.classList.toggle("unfair", coded.includes(picture) && !fair.includes(picture));
    });
    for (const [name, { figure }] of this.#cards) figure.hidden = !drawn.has(name);
    if (live) write($("equal-facts"), EQUAL.facts(frame, live.bytes));
    write($("equal-note"), note ?? (fair.length < coded.length ? EQUAL.least : ""));
    this.#onshow({ frame, pictures: drawn });
  }

  #card(name) {
    const known = this.#cards.get(name);
    if (known) return known;
    const figure = append($("equal-cards"), "figure");
    figure.dataset.codec = name;
    const canvas = append(append(figure, "div", "frame"), "canvas");
    canvas.setAttribute("role", "img");
    canvas.setAttribute("aria-label", codecName(name));
    const caption = append(figure, "figcaption");
    const lines = ["button", "strong", "span", "span"].map((tag) => append(caption, tag));
    if (name === "original") lines[0].disabled = true;
    else figure.addEventListener("click", () => this.#onlook(name));
    const card = { figure, canvas, lines };
    this.#cards.set(name, card);
    return card;
  }
}
