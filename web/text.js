// Every sentence of the page that depends on what happens, in one place.

// Connection: the words beside the dot, the dot's tone, and what the pictures say over themselves.
export const CONNECTION = {
  connecting: { tone: "wait", words: "Connecting to the server", overlay: "Connecting" },
  waiting: { tone: "wait", words: "Waiting for someone to join", overlay: "Nothing decoded yet" },
  loopback: { tone: "good", words: "Calling itself through a real data channel", overlay: "" },
  connected: { tone: "good", words: "Connected to a peer", overlay: "" },
  lost: { tone: "bad", words: "Peer lost, waiting for it to come back", overlay: "Peer lost: last picture" },
  gone: { tone: "bad", words: "Server gone, reconnecting", overlay: "Server gone: last picture" },
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
export const NOTHING_NEW = "No new picture";

const CODECS = {
  rt: "rt: learned, real time",
  jpeg: "JPEG",
  webp: "WebP",
  jpeg2000: "JPEG 2000",
  avif: "AVIF",
  cae: "cae: compressive autoencoder",
};

export const codecName = (codec) => CODECS[codec] ?? codec;

export const PROBLEMS = {
  missing: [
    "This address has no room token",
    "The token is the part after # in the link. Without it the server lets nobody watch.",
  ],
  refused: [
    "The server does not know this token",
    "Each start of the server makes a new one, so a link from an earlier start no longer works.",
  ],
};
