// Every sentence of the page that depends on what happens, but for the names of figures (figures.js); those that never
// change are in words.js.

import { bitrate, bytes as kilobytes, count, fixed, joined } from "./format.js";

// Connection: the words beside the dot, the dot's tone, and what the pictures say over themselves.
export const CONNECTION = {
  connecting: { tone: "wait", words: "Connecting to the server", overlay: "Connecting" },
  waiting: { tone: "wait", words: "Waiting for someone to join", overlay: "Nothing decoded yet" },
  loopback: { tone: "good", words: "Calling itself through a real data channel", overlay: "" },
  connected: { tone: "good", words: "Connected to a peer", overlay: "" },
  lost: { tone: "bad", words: "Peer lost, waiting for it to come back", overlay: "Peer lost: last picture" },
  barred: { tone: "bad", words: "The server does not let this page in, trying again", overlay: "Not connected" },
  gone: { tone: "bad", words: "Server gone, reconnecting", overlay: "Server gone: last picture" },
  left: { tone: "wait", words: "You left the call", overlay: "You left the call" },
};

// What the two pictures are, in a call with itself and with somebody else.
export const PICTURES = {
  loopback: {
    original: ["Original", "captured here"],
    decoded: ["Decoded", "after codec and network"],
    note: "Both show the same captured frame.",
  },
  remote: {
    original: ["Local camera", "original, captured here"],
    decoded: ["Remote camera", "decoded here, after codec and network"],
    note: "Two different cameras: the PSNR is that of the local one, as the peer decodes it.",
  },
};

export const CAMERA_LOST = "Camera lost: last picture";
export const CAMERA_OFF = "Camera off";
export const THEIR_CAMERA_OFF = "The other camera is off";
export const MUTED = "muted";
export const NOTHING_NEW = "No new picture";

// The badge: how the picture is, and what else a person would notice.
export const BADGE = {
  picture: { excellent: "Excellent picture", good: "Good picture", fair: "Fair picture", poor: "Poor picture" },
  faults: { choppy: "choppy", delayed: "delayed", lossy: "losing packets" },
  unknown: "Measuring",
};

// Buttons that are on or off: the word shown, and the label for what a press does.
export const TOGGLES = {
  camera: { on: "Camera", off: "Camera off", press: { on: "Turn the camera off", off: "Camera off: turn it on" } },
  microphone: { on: "Microphone", off: "Muted", press: { on: "Mute the microphone", off: "Muted: unmute the microphone" } },
  record: { on: "Stop", off: "Record", press: { on: "Stop recording", off: "Record this call" } },
  pause: { on: "Go on", off: "Pause", press: { on: "Go on with pictures and charts", off: "Pause pictures and charts" } },
  fullscreen: { on: "Window", off: "Full screen", press: { on: "Window: leave full screen", off: "Full screen" } },
};

export const SHORTCUTS = {
  swap: "swap the two pictures",
  fullscreen: "full screen",
  pip: "picture in picture",
  camera: "camera on or off",
  microphone: "microphone on or off",
  record: "record the call",
  leave: "leave the call, after a question",
  laboratory: "call or laboratory",
  pause: "hold pictures and charts (laboratory)",
  mode: "split, side by side, difference (laboratory)",
  zoom: "zoom in; with Shift, out (laboratory)",
  worse: "quality down",
  better: "quality up",
  help: "this list",
};

const CODECS = {
  rt: "rt: learned, real time",
  "rt-s": "rt-s: learned, smaller",
  jpeg: "JPEG",
  webp: "WebP",
  jpeg2000: "JPEG 2000",
  avif: "AVIF",
  cae: "cae: compressive autoencoder",
};

export const shortName = (codec) => (CODECS[codec] ?? codec).split(":")[0];
export const codecName = (codec) => CODECS[codec] ?? codec;
export const switchingTo = (codec) => `Switching to ${codecName(codec)}`;
export const CHOOSING = "Choosing the codec that this machine keeps up with";

export const COPIED = { yes: "Copied", no: "Select and copy by hand" };

export const PROBLEMS = {
  missing: [
    "This address has no room token",
    "The token is the part after # in the link. Without it the server lets nobody watch.",
  ],
  refused: [
    "The server does not know this token",
    "The link is of another server or another room, or it is not whole.",
  ],
};

export const GONE = "the connection was lost";
export const NO_WEBSOCKET =
  "The server answers, but no WebSocket gets through to it: a proxy between drops it. Let the proxy pass on the headers Upgrade and Connection.";

// What somebody is to the server, where that is less than everything.
export const ROLES = {
  guest:
    "You are a guest: look, compare, or take part with the command under Invite. The host's link, which serve printed where it was started, sets the rest. (A link from an earlier release is a guest's.)",
  watch: "You watch this call. The host's link, which serve printed where it was started, controls it.",
};
export const RECORDED = "The host records this call.";
export const unreadable = (why) => `The server sent what this page cannot read: ${why}.`;

// Source, size and rate as people write them.
export const threads = (n) => `${n} ${n === 1 ? "thread" : "threads"}`;
export const runsOn = ({ device, dtype, threads: n }) => `${device}, ${dtype}, ${threads(n)}`;
export const shape = (source, size, fps) => `${source ?? "none"}, ${size.join(" × ")}, ${fps} fps`;
export const sizeName = ([width, height]) => `${width} × ${height}`;
export const frameFacts = ({ number, width, height }) => `${width} × ${height} · frame ${count(number)}`;
export const UNCODED = "uncoded";
export const codedAs = (codec, quality) => `${codec}, quality ${quality}`;

export const fileLine = (name, bytes) => `${name} (${joined(kilobytes(bytes))})`;

export const SOURCES = {
  demo: "Demo",
  auto: "First camera",
  browser: "This browser's camera",
  asking: "Asking for the camera",
  opening: (name) => `Opening ${name}`,
  elsewhere: "Another page's camera",
  stopped: "A browser's camera, stopped",
};

// This page's camera as the source: why it does not run.
export const GIVING = {
  another: "Another page gives its camera now; this browser's is off.",
  again: "This browser's camera has stopped, and the browser would ask again: choose it anew.",
  unplugged: "This browser's camera has ended: unplugged, or taken away. Choose it again once it is back.",
  lost: "This browser's camera is off: its connection to the server was lost. Choose it again.",
  refused: (name, message) =>
    ({
      NotAllowedError: "The browser was not allowed to use its camera.",
      NotFoundError: "This browser finds no camera.",
      NotReadableError: "The camera is busy in another program.",
    })[name] ?? `This browser's camera cannot be sent: ${message}`,
};

export const sourceName = (spec) => SOURCES[spec] ?? (/^\d+$/.test(spec) ? `Camera ${spec}` : spec);

const half = (dtype) => (dtype === "fp32" || dtype === "uint8" ? "" : ` in ${dtype}`);

// What the check says, one sentence each.
export const CHECKS = {
  works: (name) => `Source works: ${name}.`,
  source: (note) => `${note[0].toUpperCase()}${note.slice(1)}.`,
  nothing: "Nothing is captured: choose a source.",
  off: "The camera is turned off.",
  still: (name) => `No new picture comes from ${name}: the last one is shown.`,
  stopped: "No picture comes from the browser's camera any more: the last one is shown. Choose it again under Picture.",
  browser: "A browser's camera works; the PSNR is against what the server received of it.",
  device: ({ device, dtype, codec }, slowest, fps, late) => {
    const where = device.startsWith("cuda") ? `On the GPU (${device})` : codec.startsWith("rt") ? `No GPU: on the CPU${half(dtype)}` : "On the CPU";
    const pace = slowest > 0 ? `${fixed(slowest, 0)} ms a frame` : "not measured yet";
    return `${where}, ${pace}${late ? `: too slow for ${fps} frames a second; choose fewer, or a smaller size` : ""}.`;
  },
  channel: (rtt) => `The data channel works: round trip ${joined([fixed(rtt, 1), "ms"])}.`,
  noChannel: "No data channel yet; if this stays so, UDP is blocked.",
  unreachable: {
    local: "This link works on this machine only; start with --host 0.0.0.0 (or :: for IPv6) for others.",
    container: "The server runs in a container, whose own address others do not reach: open this page by the address of the machine that runs it, or start with --origin URL.",
    nowhere: "This machine has no address of this kind that others reach; --host :: listens on IPv6.",
  },
  reachable: (host) => `Others on the network reach ${host}.`,
  insecure: "Browsers give cameras only to localhost and https pages: this browser's camera cannot be used here.",
  qr: (link) => `QR code of ${link}`,
};

export const frameOf = (frame) => `frame ${count(frame)}`;

// The cards of the comparison: [name, PSNR, bytes, difference to the live frame].
export const EQUAL = {
  looked: ({ frame, bytes, psnr_db: psnr }) => `${frameOf(frame)} · ${count(bytes)} bytes · ${fixed(psnr, 2)} dB`,
  least: "“min.”: at its smallest that format still takes more bytes, so it is out of the contest.",
  facts: (frame, size) => `frame ${count(frame)}, ${count(size)} bytes`,
  card: ({ name: codec, bytes, psnr_db: psnr, live }, reference) => {
    if (codec === "original") return ["Original", "", "uncoded", ""];
    const off = reference && !live ? (100 * (bytes - reference.bytes)) / reference.bytes : 0;
    const size = off > 0 ? `min. +${off.toFixed(0)} %` : `−${Math.abs(off).toFixed(1)} %`;
    const note = live ? "in this call" : size;
    return [shortName(codec), joined([fixed(psnr, 2), "dB"]), `${count(bytes)} B`, note];
  },
};

export const IMPAIRMENTS = {
  loss: { label: "Loss", value: (n) => `${n} %` },
  burst: { label: "Lost in a row", value: (n) => String(n) },
  delay: { label: "Delay", value: (n) => `${n} ms` },
  jitter: { label: "Jitter", value: (n) => `${n} ms` },
  rate: { label: "Rate limit", value: (n) => (n ? `${n} Mbit/s` : "none") },
};

// What stands below the pictures of a snapshot.
export function snapshotLines({ sent, received }, comparison) {
  const lines = [
    [
      sent.codec && codedAs(sent.codec, sent.quality),
      `${joined([fixed(sent.psnr_db, 2), "dB"])}`,
      `${fixed(sent.bpp, 3)} bpp`,
      joined(bitrate(sent.bitrate_bps)),
      `${fixed(received.fps, 1)} fps`,
      `end to end ${fixed(received.latency_ms, 0)} ms`,
    ].filter(Boolean).join(" · "),
  ];
  for (const picture of comparison?.pictures.values() ?? []) {
    if (picture.name !== "original") {
      lines.push(`frame ${count(comparison.frame)}, ${shortName(picture.name)}: ${count(picture.bytes)} bytes, ${fixed(picture.psnr_db, 2)} dB`);
    }
  }
  return lines;
}
