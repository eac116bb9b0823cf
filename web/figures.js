// The live figures: what each is called, where it comes from, how it is written.

import { NONE, bitrate, bytes, count, fixed, joined, milliseconds } from "./format.js";

const RAW_BPP = 24;

// read(sent, received, shown) gives [[value, unit], note].
export const FIGURES = [
  {
    id: "bitrate",
    label: "Bitrate",
    hint: "Bits per second on the wire, packet headers included",
    read: (s, r) => [bitrate(s.bitrate_bps), `received ${joined(bitrate(r.bitrate_bps))}`],
  },
  {
    id: "psnr",
    label: "PSNR",
    hint: "Measured by the sender on the very pixels the receiver decodes: RGB, 8 bits, peak 255",
    read: (s) => [[fixed(s.psnr_db, 2), "dB"], "RGB, 8 bits"],
  },
  {
    id: "bpp",
    label: "Rate",
    hint: "Bits of the whole coded frame for each of its pixels; an uncoded pixel has 24",
    read: (s) => [
      [fixed(s.bpp, 3), "bpp"],
      s.bpp > 0 ? `1/${(RAW_BPP / s.bpp).toFixed(RAW_BPP / s.bpp < 9.95 ? 1 : 0)} of uncoded` : `${NONE} of uncoded`,
    ],
  },
  {
    id: "frame-bytes",
    label: "Frame",
    hint: "Bytes of one coded frame, all of its headers included",
    read: (s) => [bytes(s.frame_bytes), `quality ${count(s.quality)} of 63`],
  },
  {
    id: "fps-sent",
    label: "Sent",
    hint: "Frames coded and sent in a second",
    read: (s) => [[fixed(s.fps, 1), "fps"], `${count(s.sent)} frames`],
  },
  {
    id: "fps-shown",
    label: "Shown",
    hint: "Decoded frames that this page draws in a second",
    read: (s, r, shown) => [[fixed(shown, 1), "fps"], `decoded ${fixed(r.fps, 1)} fps`],
  },
  {
    id: "encode",
    label: "Encode",
    hint: "Time to code one frame, on the sender",
    read: (s) => [milliseconds(s.encode_ms), "a frame, sender"],
  },
  {
    id: "decode",
    label: "Decode",
    hint: "Time to decode one frame, on the receiver",
    read: (s, r) => [milliseconds(r.decode_ms), "a frame, receiver"],
  },
  {
    id: "latency",
    label: "End to end",
    hint: "From captured to decoded, corrected for the difference of the two clocks",
    read: (s, r) => [milliseconds(r.latency_ms), "captured to decoded"],
  },
  {
    id: "rtt",
    label: "Round trip",
    hint: "A control message to the peer and back",
    read: (s) => [milliseconds(s.rtt_ms), "network"],
  },
  {
    id: "dropped-sent",
    label: "Not sent",
    hint: "Captured frames that the sender skipped, since the start: a newer one was ready, or the channel was full",
    read: (s) => [[count(s.dropped), ""], `of ${count(s.captured)} captured`],
  },
  {
    id: "dropped-received",
    label: "Not decoded",
    hint: "Frames that reached the receiver in part, damaged or too late, since the start",
    read: (s, r) => [[count(r.dropped), ""], `${count(r.decoded)} decoded`],
  },
];

export class Figures {
  #cells;

  // list: the <dl> to fill.
  constructor(list) {
    this.#cells = FIGURES.map((figure) => ({ figure, ...tile(list, figure) }));
    this.show({}, {}, null);
  }

  show(sent, received, shown) {
    for (const { figure, value, unit, note } of this.#cells) {
      const [[number, measure], words] = figure.read(sent, received, shown);
      setText(value, number);
      setText(unit, measure);
      setText(note, words);
    }
  }
}

function tile(list, { id, label, hint }) {
  const group = append(list, "div", "tile");
  group.title = hint;
  append(group, "dt", "tile-label").textContent = label;
  const line = append(group, "dd", "tile-value");
  const value = append(line, "span", "number");
  value.id = `figure-${id}`;
  line.append(" ");
  const unit = append(line, "span", "unit");
  return { value, unit, note: append(group, "dd", "tile-note") };
}

function append(parent, name, className) {
  const element = document.createElement(name);
  element.className = className;
  parent.append(element);
  return element;
}

// Writing the same words again would still cost a layout.
function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}
