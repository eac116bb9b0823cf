// The live figures: where each comes from and how it is written; its words are in text.js.

import { bitrate, bytes, count, fixed, milliseconds } from "../words/format.js";
import { append, write } from "../shared/page.js";
import { FIGURE_WORDS } from "../words/figures.js";

// Each gives [value, unit] from (sent, received, shown).
export const FIGURES = {
  bitrate: (s) => bitrate(s.bitrate_bps),
  psnr: (s) => [fixed(s.psnr_db, 2), "dB"],
  bpp: (s) => [fixed(s.bpp, 3), "bpp"],
  "frame-bytes": (s) => bytes(s.frame_bytes),
  "fps-sent": (s) => [fixed(s.fps, 1), "fps"],
  "fps-shown": (s, r, shown) => [fixed(shown, 1), "fps"],
  encode: (s) => milliseconds(s.encode_ms),
  decode: (s, r) => milliseconds(r.decode_ms),
  latency: (s, r) => milliseconds(r.latency_ms),
  rtt: (s) => milliseconds(s.rtt_ms),
  "dropped-sent": (s) => [count(s.dropped), ""],
  "dropped-received": (s, r) => [count(r.dropped), ""],
};

export const ALL = Object.keys(FIGURES);
export const FEW = ["bitrate", "psnr", "fps-shown", "latency", "rtt"];

export class Figures {
  #cells;

  // list: the <dl> to fill with the figures `ids`; prefix makes the ids of their elements.
  constructor(list, ids, prefix) {
    this.#cells = ids.map((id) => ({ id, ...tile(list, id, prefix) }));
    this.show({}, {}, null);
  }

  show(sent, received, shown) {
    for (const { id, value, unit, note } of this.#cells) {
      const [number, measure] = FIGURES[id](sent, received, shown);
      write(value, number);
      write(unit, measure);
      write(note, FIGURE_WORDS[id].note(sent, received));
    }
  }
}

function tile(list, id, prefix) {
  const { label, hint } = FIGURE_WORDS[id];
  const group = append(list, "div", "tile");
  group.title = hint;
  append(group, "dt", "tile-label").textContent = label;
  const line = append(group, "dd", "tile-value");
  const value = append(line, "span", "number");
  value.id = `${prefix}-${id}`;
  line.append(" ");
  const unit = append(line, "span", "unit");
  return { value, unit, note: append(group, "dd", "tile-note") };
}
