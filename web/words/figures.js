// What charts, the frame table and the live figures call what they show.

import { NONE, bitrate, count, fixed, joined } from "./format.js";

// Each chart: its title, then the names of its lines in their order.
export const CHART_WORDS = {
  bitrate: ["Bitrate", "sent", "received", "target"],
  psnr: ["PSNR", "sent, as decoded"],
  bpp: ["Rate", "of the coded frame"],
  fps: ["Frames", "sent", "decoded", "shown"],
  time: ["Time", "encode", "network", "decode", "end to end"],
  rtt: ["Round trip", "network", "send queue"],
  loss: ["Loss", "lost packets", "FEC", "concealed slices"],
};

export const FRAME_WORDS = {
  title: "Sent, frame by frame",
  columns: ["frame", "bytes", "bpp", "quality", "ms", "dB"],
};

export const pointedAt = (seconds) => `Values of ${seconds.toFixed(1)} s ago`;

const RAW_BPP = 24;

function ratio(bpp) {
  return bpp > 0 ? `1/${(RAW_BPP / bpp).toFixed(RAW_BPP / bpp < 9.95 ? 1 : 0)}` : NONE;
}

// Each live figure: its label, its tooltip, and what stands below it.
export const FIGURE_WORDS = {
  bitrate: {
    label: "Bitrate",
    hint: "Bits per second on the wire, packet headers included",
    note: (s, r) => `received ${joined(bitrate(r.bitrate_bps))}`,
  },
  psnr: {
    label: "PSNR",
    hint: "Measured by the sender on the very pixels the receiver decodes: RGB, 8 bits, peak 255",
    note: (s) => (s.fromBrowser ? "against what the server received" : "RGB, 8 bits"),
  },
  bpp: {
    label: "Rate",
    hint: "Bits of the whole coded frame for each of its pixels; an uncoded pixel has 24",
    note: (s) => `${ratio(s.bpp)} of uncoded`,
  },
  "frame-bytes": {
    label: "Frame",
    hint: "Bytes of one coded frame, all of its headers included; where bits are very scarce, pictures are coded at half their width and height",
    note: (s) => `quality ${count(s.quality)} of 63${s.halved ? ", half size" : ""}`,
  },
  "fps-sent": {
    label: "Sent",
    hint: "Frames coded and sent in a second",
    note: (s) => `${count(s.sent)} frames`,
  },
  "fps-shown": {
    label: "Shown",
    hint: "Decoded frames that this page draws in a second",
    note: (s, r) => `decoded ${fixed(r.fps, 1)} fps`,
  },
  encode: {
    label: "Encode",
    hint: "Time to code one frame, on the sender",
    note: () => "a frame, sender",
  },
  decode: {
    label: "Decode",
    hint: "Time to decode one frame, on the receiver",
    note: () => "a frame, receiver",
  },
  latency: {
    label: "End to end",
    hint: "From captured to decoded, corrected for the difference of the two clocks",
    note: () => "captured to decoded",
  },
  rtt: {
    label: "Round trip",
    hint: "A control message to the peer and back",
    note: () => "network",
  },
  "dropped-sent": {
    label: "Not sent",
    hint: "Captured frames that the sender skipped, since the start: a newer one was ready, or the channel was full",
    note: (s) => `of ${count(s.captured)} captured`,
  },
  "dropped-received": {
    label: "Not decoded",
    hint: "Frames that reached the receiver in part, damaged or too late, since the start",
    note: (s, r) => `${count(r.decoded)} decoded`,
  },
};
