// The frames sent, one by one: a table of those up to the moment that is pointed at, or of the newest.

import { fixed, count } from "../words/format.js";
import { append, write } from "../shared/page.js";
import { FRAME_WORDS } from "../words/figures.js";

const ROWS = 6;
// As the server lists a frame: number, bytes, bpp, quality, milliseconds to encode, PSNR or null.
const COLUMNS = [count, count, (bpp) => fixed(bpp, 3), count, (ms) => fixed(ms, 1), (psnr) => fixed(psnr, 2)];

// The frames of the last `span` seconds, by when the page was told of them.
export class FrameLog {
  #span;
  #frames = [];

  constructor(span) {
    this.#span = span;
  }

  // frames: the server's newest, oldest first; those known already are brought up to date.
  push(frames, now) {
    const newest = this.#frames.at(-1)?.row[0] ?? -1;
    if (frames.length > 0 && frames.at(-1)[0] < newest) this.#frames = []; // another call
    const known = new Map(this.#frames.map((frame) => [frame.row[0], frame]));
    for (const row of frames) {
      const old = known.get(row[0]);
      if (old) old.row = row;
      else this.#frames.push({ row, time: now });
    }
    const first = this.#frames.findIndex(({ time }) => time >= now - this.#span);
    this.#frames.splice(0, first < 0 ? this.#frames.length : first);
  }

  // The last `many` that were known at `time`, newest first.
  until(time, many) {
    const end = this.#frames.findLastIndex((frame) => frame.time <= time) + 1;
    return this.#frames.slice(Math.max(0, end - many), end).map(({ row }) => row).reverse();
  }
}

export class FrameTable {
  #log;
  #cells = [];

  constructor(root, span) {
    this.#log = new FrameLog(span);
    const figure = append(root, "figure", "card chart frames");
    figure.id = "frame-table";
    append(append(figure, "figcaption"), "span", "chart-title").textContent = FRAME_WORDS.title;
    const table = append(figure, "table", "number");
    const head = append(append(table, "thead"), "tr");
    for (const words of FRAME_WORDS.columns) Object.assign(append(head, "th"), { scope: "col", textContent: words });
    const body = append(table, "tbody");
    for (let i = 0; i < ROWS; i++) {
      const row = append(body, "tr");
      this.#cells.push(COLUMNS.map(() => append(row, "td")));
    }
  }

  push(frames, now) {
    this.#log.push(frames, now);
  }

  // Show the frames up to `time`, on the page's clock.
  draw(time) {
    const rows = this.#log.until(time, ROWS);
    this.#cells.forEach((cells, i) => {
      cells.forEach((cell, j) => write(cell, rows[i] ? COLUMNS[j](rows[i][j]) : ""));
    });
  }
}
