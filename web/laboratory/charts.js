// Which figures are drawn over the last minute, and where they come from.

import { Chart } from "./chart.js";
import { CHART_WORDS, pointedAt } from "../words/figures.js";
import { WORDS } from "../words/words.js";
import { write } from "../shared/page.js";

export const SPAN = 60; // seconds in the charts

const number = (value, factor = 1) => (typeof value === "number" ? value * factor : null);

// One row of the charts, from one "stats" message and the page's own count of shown frames. What no server sends is
// absent: its chart does not show.
export function row({ sent, received }, shown) {
  return {
    sentBitrate: number(sent.bitrate_bps, 1e-6),
    receivedBitrate: number(received.bitrate_bps, 1e-6),
    targetBitrate: number(sent.target_bps, 1e-6),
    psnr: number(sent.psnr_db),
    bpp: number(sent.bpp),
    sentFps: number(sent.fps),
    decodedFps: number(received.fps),
    shownFps: number(shown),
    encode: number(sent.encode_ms),
    network: number(received.network_ms) ?? between(sent, received),
    decode: number(received.decode_ms),
    latency: number(received.latency_ms),
    rtt: number(sent.rtt_ms),
    queue: number(sent.queue_ms),
    loss: number(sent.loss, 100),
    fec: number(sent.fec, 100),
    concealed: number(received.concealed_share, 100),
  };
}

// From captured to decoded, less the two codecs: on the wire and in queues.
function between({ encode_ms: encode }, { decode_ms: decode, latency_ms: latency }) {
  const whole = [encode, decode, latency].every(Number.isFinite);
  return whole ? Math.max(0, latency - encode - decode) : null;
}

const [A, B, C, D] = ["line-a", "line-b", "line-c", "line-d"];
const DASHED = [5, 3];

export const CHARTS = [
  {
    ...{ id: "bitrate", unit: "Mbit/s", digits: 2, floor: 0, least: 0.5 },
    series: [{ name: "sentBitrate", colour: A }, { name: "receivedBitrate", colour: B, dash: DASHED }, { name: "targetBitrate", colour: C, optional: true }],
  },
  { ...{ id: "psnr", unit: "dB", digits: 2, floor: null, least: 4 }, series: [{ name: "psnr", colour: A }] },
  { ...{ id: "bpp", unit: "bpp", digits: 3, floor: 0, least: 0.2 }, series: [{ name: "bpp", colour: A }] },
  {
    ...{ id: "fps", unit: "fps", digits: 1, floor: 0, least: 35 },
    series: [{ name: "sentFps", colour: A }, { name: "decodedFps", colour: B, dash: DASHED }, { name: "shownFps", colour: C }],
  },
  {
    ...{ id: "time", unit: "ms", digits: 1, floor: 0, least: 20 },
    series: [{ name: "encode", colour: A }, { name: "network", colour: D }, { name: "decode", colour: B }, { name: "latency", colour: C }],
  },
  {
    ...{ id: "rtt", unit: "ms", digits: 1, floor: 0, least: 10 },
    series: [{ name: "rtt", colour: A }, { name: "queue", colour: B, optional: true }],
  },
  {
    ...{ id: "loss", unit: "%", digits: 2, floor: 0, least: 2, optional: true },
    series: [{ name: "loss", colour: A, optional: true }, { name: "fec", colour: B, optional: true }, { name: "concealed", colour: D, optional: true }],
  },
];

export const COLUMNS = CHARTS.flatMap(({ series }) => series.map(({ name }) => name));

// All charts under `root`; `pointed` says which moment is read, and so does onpoint().
export class Charts {
  #charts;
  #turn = 0;

  // Seconds before the last draw, negative, that are pointed at; null if none are.
  at = null;

  constructor(root, pointed, onpoint) {
    const point = (time) => {
      this.at = time;
      write(pointed, time === null ? WORDS.at : pointedAt(-time));
      onpoint();
    };
    this.#charts = CHARTS.map((spec) => {
      const figure = document.createElement("figure");
      figure.id = `chart-${spec.id}`;
      figure.className = "card chart";
      root.append(figure);
      const [title, ...labels] = CHART_WORDS[spec.id];
      const series = spec.series.map((one, i) => ({ ...one, label: labels[i] }));
      return new Chart(figure, { ...spec, title, series }, SPAN, point);
    });
  }

  // Every other chart in turn: half the work at once, and never between two pictures for long.
  draw(store, now) {
    this.#turn = 1 - this.#turn;
    for (let i = this.#turn; i < this.#charts.length; i += 2) {
      const chart = this.#charts[i];
      chart.draw(store.table(chart.names, now));
    }
  }
}
