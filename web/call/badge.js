// The quality badge: what a person would say of the call, from figures.

const PICTURE = [
  [38, "excellent"],
  [34, "good"],
  [30, "fair"],
  [-Infinity, "poor"],
];
const SMOOTH = 0.75; // of the wanted frames a second; below, motion looks choppy
const LATE = 250; // ms from captured to decoded; above, people talk into each other
const LOSSY = 0.02;
const SETTLING = 2; // seconds of a new stream that say nothing of it: codecs and browser are still warming up
const SPAN = 5; // seconds that a fault has to last for, on the mean: a hiccup is none

// How a stream has been lately: the means of its rate, its latency and its loss.
export class Lately {
  #stream = null;
  #began = null;
  #decoded = 0;
  #rows = [];

  // Take the figures of this moment; stream: what tells one stream from another. Gives {fps, latency, loss}, or null
  // while the stream is too young to be judged.
  take({ sent, received }, stream, now) {
    if (stream !== this.#stream || received.decoded < this.#decoded) this.reset();
    this.#stream = stream;
    this.#decoded = received.decoded ?? 0;
    if (received.fps > 0) this.#began ??= now;
    if (this.#began === null || now - this.#began < SETTLING) return null;
    this.#rows.push({ now, fps: received.fps, latency: received.latency_ms, loss: sent.loss });
    this.#rows = this.#rows.filter((row) => row.now > now - SPAN);
    if (now - this.#began < SETTLING + SPAN) return null;
    const [fps, latency, loss] = ["fps", "latency", "loss"].map((name) => mean(this.#rows.map((row) => row[name])));
    return { fps, latency, loss };
  }

  reset() {
    this.#began = null;
    this.#rows = [];
  }
}

function mean(values) {
  const known = values.filter(Number.isFinite);
  return known.length > 0 ? known.reduce((sum, value) => sum + value, 0) / known.length : null;
}

// {picture, fault, tone}: picture a key of BADGE.picture or null, fault a key of BADGE.faults or null.
// lately: as `Lately` gives it; fps: the rate that is wanted.
export function judge({ psnr_db: psnr }, lately, fps) {
  if (typeof psnr !== "number") return { picture: null, fault: null, tone: "wait" };
  const [, picture] = PICTURE.find(([floor]) => psnr >= floor);
  const fault = lately ? faultOf(lately, fps) : null;
  const bad = picture === "poor" || fault !== null;
  return { picture, fault, tone: bad ? "bad" : picture === "fair" ? "wait" : "good" };
}

function faultOf({ fps, latency, loss }, wanted) {
  if (fps < SMOOTH * wanted) return "choppy";
  if (latency > LATE) return "delayed";
  if (loss > LOSSY) return "lossy";
  return null;
}
