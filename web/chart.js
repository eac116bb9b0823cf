// Scrolling line charts over the last minute, drawn by uPlot (web/vendor), in the colours of the style sheet.

import { NONE } from "./format.js";

const uPlot = globalThis.uPlot;
const FONT = '11px system-ui, "Segoe UI", Roboto, sans-serif';

export class Chart {
  #root;
  #spec;
  #span;
  #plot = null;
  #box;
  #values = [];

  // root: the <figure> to fill; span: seconds shown;
  // spec: {title, unit, digits, floor, least, series: [{name, label, colour, dash}]}, where colour names a CSS variable,
  // floor is a fixed lower end of the scale or null, and least the smallest range of values it spans.
  constructor(root, spec, span) {
    this.#root = root;
    this.#spec = spec;
    this.#span = span;
    this.#box = this.#build();
    this.#create();
    new ResizeObserver(() => this.#plot.setSize(this.#size())).observe(this.#box);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.#create());
  }

  get names() {
    return this.#spec.series.map(({ name }) => name);
  }

  // table: [seconds before now (negative), a column for each of `names`].
  draw(table) {
    this.#plot.batch(() => {
      this.#plot.setData(table, false);
      this.#plot.setScale("x", { min: -this.#span, max: 0 });
      this.#plot.setScale("y", this.#range(table));
    });
    this.#legend();
  }

  #build() {
    const caption = document.createElement("figcaption");
    const title = document.createElement("span");
    title.className = "chart-title";
    title.textContent = `${this.#spec.title}, ${this.#spec.unit}`;
    const legend = document.createElement("span");
    legend.className = "chart-legend";
    caption.append(title, legend);
    for (const { label, colour } of this.#spec.series) {
      const entry = document.createElement("span");
      entry.className = `chart-entry ${colour}`;
      const value = document.createElement("span");
      value.className = "number";
      value.textContent = NONE;
      entry.append(`${label} `, value);
      legend.append(entry);
      this.#values.push(value);
    }
    const box = document.createElement("div");
    box.className = "chart-box";
    box.setAttribute("role", "img");
    box.setAttribute("aria-label", `${this.#spec.title} over the last ${this.#span} seconds`);
    this.#root.append(caption, box);
    return box;
  }

  #create() {
    const table = this.#plot?.data ?? [[], ...this.#spec.series.map(() => [])];
    this.#plot?.destroy();
    this.#plot = new uPlot(this.#options(), table, this.#box);
  }

  #options() {
    const style = getComputedStyle(document.documentElement);
    const colour = (name) => style.getPropertyValue(`--${name}`).trim();
    const axis = { font: FONT, stroke: colour("soft"), grid: { stroke: colour("grid"), width: 1 }, ticks: { show: false } };
    return {
      ...this.#size(),
      padding: [8, 16, 0, 0],
      legend: { show: false },
      cursor: { y: false, drag: { x: false, y: false }, sync: { key: "time" }, points: { size: 6 } },
      scales: { x: { time: false, auto: false, range: [-this.#span, 0] }, y: { auto: false, range: [0, 1] } },
      axes: [
        { ...axis, size: 26, gap: 7, splits: () => [-60, -45, -30, -15, 0], values: (_, at) => at.map(seconds) },
        { ...axis, size: 42, gap: 4, space: 28, values: (_, at) => at.map((value) => String(+value.toFixed(3))) },
      ],
      series: [{}, ...this.#spec.series.map((one) => line(one, colour(one.colour)))],
      hooks: { setCursor: [() => this.#legend()] },
    };
  }

  #size() {
    return { width: Math.max(160, this.#box.clientWidth), height: this.#box.clientHeight };
  }

  #range([, ...columns]) {
    const { floor, least } = this.#spec;
    const values = columns.flat().filter((value) => value !== null);
    if (values.length === 0) return { min: floor ?? 0, max: (floor ?? 0) + least };
    const high = values.reduce((a, b) => Math.max(a, b));
    const low = floor ?? values.reduce((a, b) => Math.min(a, b));
    const room = Math.max(0, least - (high - low)) / 2 + (high - low) * 0.08;
    return floor === null ? { min: low - room, max: high + room } : { min: floor, max: Math.max(floor + least, high * 1.08) };
  }

  // The values under the pointer, or else the newest.
  #legend() {
    const plot = this.#plot;
    if (!plot) return;
    const row = plot.cursor.idx ?? plot.data[0].length - 1;
    this.#values.forEach((element, i) => {
      const value = plot.data[i + 1][row];
      const text = typeof value === "number" ? value.toFixed(this.#spec.digits) : NONE;
      if (element.textContent !== text) element.textContent = text;
    });
  }
}

function line({ dash }, stroke) {
  return { stroke, width: 1.5, dash, spanGaps: false, points: { show: false } };
}

function seconds(value) {
  return value === 0 ? "now" : `${value} s`.replace("-", "−");
}
