// Scrolling line charts over the last minute, drawn by uPlot (web/vendor), in the colours of the style sheet.

import { NONE } from "../words/format.js";
import { write } from "../shared/page.js";

const uPlot = globalThis.uPlot;
const FONT = '11px system-ui, "Segoe UI", Roboto, sans-serif';

export class Chart {
  #root;
  #spec;
  #span;
  #onpoint;
  #plot = null;
  #box;
  #entries = [];

  // root: the <figure> to fill; span: seconds shown; onpoint(seconds before now, negative, or null) follows the pointer;
  // spec: {title, unit, digits, floor, least, optional, series: [{name, label, colour, dash, optional}]}, where colour
  // names a CSS variable, floor is a fixed lower end of the scale or null, least the smallest range of values it spans,
  // and what is optional shows only once it has values.
  constructor(root, spec, span, onpoint) {
    this.#root = root;
    this.#spec = spec;
    this.#span = span;
    this.#onpoint = onpoint;
    this.#box = this.#build();
    root.hidden = Boolean(spec.optional);
    new ResizeObserver(() => this.#resize()).observe(this.#box);
    for (const query of ["(prefers-color-scheme: dark)", "(forced-colors: active)"]) {
      matchMedia(query).addEventListener("change", () => this.#create());
    }
    addEventListener("themechange", () => this.#create());
  }

  get names() {
    return this.#spec.series.map(({ name }) => name);
  }

  // table: [seconds before now (negative), a column for each of `names`].
  draw(table) {
    this.#reveal(table);
    if (!this.#plot) return;
    this.#plot.batch(() => {
      this.#plot.setData(table, false);
      this.#plot.setScale("x", { min: -this.#span, max: 0 });
      this.#plot.setScale("y", this.#range(table));
    });
    this.#legend();
  }

  #reveal([, ...columns]) {
    this.#entries.forEach(({ entry }, i) => {
      if (entry.hidden && columns[i].some((value) => value !== null)) entry.hidden = this.#root.hidden = false;
    });
  }

  #build() {
    const caption = document.createElement("figcaption");
    const title = document.createElement("span");
    title.className = "chart-title";
    title.textContent = `${this.#spec.title}, ${this.#spec.unit}`;
    const legend = document.createElement("span");
    legend.className = "chart-legend";
    caption.append(title, legend);
    for (const { label, colour, optional } of this.#spec.series) {
      const entry = document.createElement("span");
      entry.className = `chart-entry ${colour}`;
      entry.hidden = Boolean(optional);
      const value = document.createElement("span");
      value.className = "number";
      value.textContent = NONE;
      entry.append(`${label} `, value);
      legend.append(entry);
      this.#entries.push({ entry, value });
    }
    const box = document.createElement("div");
    box.className = "chart-box";
    box.setAttribute("role", "img");
    box.setAttribute("aria-label", `${this.#spec.title} over the last ${this.#span} seconds`);
    this.#root.append(caption, box);
    return box;
  }

  // A chart that nobody sees has no size, and no plot.
  #resize() {
    if (this.#box.clientWidth === 0) return;
    if (this.#plot) this.#plot.setSize(this.#size());
    else this.#create();
  }

  #create() {
    if (this.#box.clientWidth === 0) {
      this.#plot?.destroy();
      this.#plot = null;
      return;
    }
    const table = this.#plot?.data ?? [[], ...this.#spec.series.map(() => [])];
    this.#plot?.destroy();
    this.#plot = new uPlot(this.#options(), table, this.#box);
    this.draw(table);
  }

  #options() {
    const axis = { font: FONT, stroke: colour("soft"), grid: { stroke: ours("grid"), width: 1 }, ticks: { show: false } };
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
      series: [{}, ...this.#spec.series.map((one) => line(one, ours(one.colour)))],
      hooks: { setCursor: [(plot) => this.#point(plot)] },
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

  #point(plot) {
    const row = plot.cursor.idx;
    this.#onpoint(row === null || row === undefined ? null : (plot.data[0][row] ?? null));
    this.#legend();
  }

  // The values under the pointer, or else the newest.
  #legend() {
    const plot = this.#plot;
    if (!plot) return;
    const row = plot.cursor.idx ?? plot.data[0].length - 1;
    this.#entries.forEach(({ value: element }, i) => {
      const value = plot.data[i + 1][row];
      write(element, typeof value === "number" ? value.toFixed(this.#spec.digits) : NONE);
    });
  }
}

// The colour that a variable of the style sheet has under the theme in force; also where colours are forced if it is
// `ours`, because lines of one forced colour could not be told apart.
const ours = (name) => colour(name, "none");

function colour(name, forced = "auto") {
  const probe = document.createElement("span");
  probe.style.forcedColorAdjust = forced;
  probe.style.color = `var(--${name})`;
  document.body.append(probe);
  const found = getComputedStyle(probe).color;
  probe.remove();
  return found;
}

function line({ dash }, stroke) {
  return { stroke, width: 1.5, dash, spanGaps: false, points: { show: false } };
}

function seconds(value) {
  return value === 0 ? "now" : `${value} s`.replace("-", "−");
}
