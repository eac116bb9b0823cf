// The laboratory's picture: original and decoded under a divider, side by side, or their difference; zoomed to pixels.

import { difference } from "./difference.js";
import { $, Choice } from "../shared/page.js";
import { clampPan } from "./pan.js";

const MODES = ["split", "side", "difference"];
const ZOOMS = [1, 2, 4, 8];
const STEP = 5; // percent that an arrow key moves the divider

export class Viewer {
  #root;
  #laboratory;
  #modes = new Choice($("modes"), (mode) => this.show(mode));
  #zooms = new Choice($("zooms"), (zoom) => this.zoom(Number(zoom)));
  #allowed = MODES;
  #zoom = 1;
  #pan = [0, 0];
  #scratch = [0, 0].map(() => new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true }));

  // root: the element with both pictures; area: everything that is zoomed with it.
  constructor(root, area) {
    this.#root = root;
    this.#laboratory = area;
    this.show("split");
    this.zoom(1);
    this.#listenToDivider($("split"));
    this.#listenToPan();
  }

  get mode() {
    return this.#root.dataset.mode;
  }

  show(mode) {
    this.#root.dataset.mode = mode;
    this.#modes.show(mode);
    if (mode === "difference") this.drawDifference();
  }

  nextMode() {
    this.show(this.#allowed[(this.#allowed.indexOf(this.mode) + 1) % this.#allowed.length]);
  }

  // Whether both pictures show one frame: those of two cameras are only shown side by side.
  set paired(paired) {
    this.#allowed = paired ? MODES : ["side"];
    this.#modes.allow(this.#allowed);
    if (!this.#allowed.includes(this.mode)) this.show("side");
  }

  // zoom: a factor; the middle of what is seen stays.
  zoom(factor) {
    const middle = this.#pan.map((offset) => 50 / this.#zoom - offset);
    this.#zoom = factor;
    this.#zooms.show(String(factor));
    for (const area of this.#laboratory) {
      area.style.setProperty("--zoom", factor);
      area.toggleAttribute("data-zoomed", factor > 1);
    }
    this.#move(...middle.map((at) => 50 / factor - at));
  }

  nextZoom(step) {
    const at = ZOOMS.indexOf(this.#zoom) + step;
    this.zoom(ZOOMS[(at + ZOOMS.length) % ZOOMS.length]);
  }

  // After each new pair of pictures.
  drawn() {
    if (this.mode === "difference") this.drawDifference();
  }

  drawDifference() {
    const canvases = [$("original"), $("decoded")];
    const [{ width, height }] = canvases;
    // Of two frames it would show motion, not the codec.
    if (canvases[0].dataset.frame !== canvases[1].dataset.frame) return;
    if (canvases[1].width !== width || canvases[1].height !== height) return;
    const [a, b] = canvases.map((canvas, i) => pixels(this.#scratch[i], canvas).data);
    const canvas = $("difference");
    if (canvas.width !== width || canvas.height !== height) [canvas.width, canvas.height] = [width, height];
    const out = new ImageData(width, height);
    difference(a, b, out.data);
    canvas.getContext("2d", { alpha: false }).putImageData(out, 0, 0);
  }

  #listenToDivider(divider) {
    divider.addEventListener("pointerdown", (event) => {
      event.stopPropagation();
      divider.setPointerCapture(event.pointerId);
    });
    divider.addEventListener("pointermove", (event) => {
      if (!divider.hasPointerCapture(event.pointerId)) return;
      const { left, width } = this.#root.getBoundingClientRect();
      this.#divide((100 * (event.clientX - left)) / width);
    });
    divider.addEventListener("keydown", (event) => {
      const steps = { ArrowLeft: -STEP, ArrowRight: STEP, Home: -100, End: 100 };
      if (!(event.key in steps)) return;
      event.preventDefault();
      this.#divide(Number(divider.getAttribute("aria-valuenow")) + steps[event.key]);
    });
    this.#divide(50);
  }

  #divide(percent) {
    const value = Math.round(Math.min(100, Math.max(0, percent)));
    this.#root.style.setProperty("--split", value);
    $("split").setAttribute("aria-valuenow", value);
  }

  #listenToPan() {
    const root = this.#root;
    let from = null;
    root.addEventListener("pointerdown", ({ clientX, clientY, pointerId }) => {
      if (this.#zoom === 1) return;
      root.setPointerCapture(pointerId);
      from = { x: clientX, y: clientY, pan: this.#pan };
    });
    root.addEventListener("pointermove", ({ clientX, clientY, pointerId }) => {
      if (!from || !root.hasPointerCapture(pointerId)) return;
      const { width, height } = $("decoded").parentElement.getBoundingClientRect();
      const [x, y] = from.pan;
      const scale = 100 / this.#zoom;
      this.#move(x + ((clientX - from.x) / width) * scale, y + ((clientY - from.y) / height) * scale);
    });
    for (const end of ["pointerup", "pointercancel"]) root.addEventListener(end, () => (from = null));
  }

  #move(x, y) {
    this.#pan = clampPan(this.#zoom, x, y);
    for (const area of this.#laboratory) {
      area.style.setProperty("--x", this.#pan[0]);
      area.style.setProperty("--y", this.#pan[1]);
    }
  }
}

function pixels(context, canvas) {
  const { width, height } = canvas;
  if (context.canvas.width !== width || context.canvas.height !== height) {
    [context.canvas.width, context.canvas.height] = [width, height];
  }
  context.drawImage(canvas, 0, 0);
  return context.getImageData(0, 0, width, height);
}
