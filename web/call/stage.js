// The two pictures: from received files to pixels on two canvases.
//
// Two decodes at a time, one draw per animation frame, the newest wins. An original is acknowledged when it has
// arrived (it waits for its decoded half), a decoded picture when it is drawn or given up: the server sends no
// faster than this page can show. In a background tab nothing is decoded, but everything is still acknowledged.

import { Pairing } from "../wire/pairing.js";
import { ORIGINAL } from "../wire/messages.js";

const DECODES = 2; // pairs at a time: where the processor is busy, one waits while another could be decoded
const WAITING = 2; // decoded pairs that wait to be drawn
const RATE_SPAN = 2; // seconds over which shown frames are counted
const AS_IT_IS = { colorSpaceConversion: "none", premultiplyAlpha: "none" };
const now = () => performance.now() / 1000;

export class Stage {
  #canvases;
  #acknowledge;
  #onshow;
  #pairing = new Pairing((picture) => this.#giveUp(picture));
  #decoding = 0;
  #started = 0; // number of the decode begun last
  #ended = 0; // and of the one finished last; those before it come too late
  #ready = [];
  #drawn = [];
  #since = null;

  // While true the pictures on the canvases stay, and what arrives is only acknowledged.
  held = false;

  // canvases: {original, decoded}; acknowledge(picture); onshow({original, decoded}) after each draw.
  constructor(canvases, acknowledge, onshow) {
    this.#canvases = canvases;
    this.#acknowledge = acknowledge;
    this.#onshow = onshow;
  }

  // Whether both pictures show the same captured frame (a call with itself).
  set paired(paired) {
    if (this.#pairing.paired !== paired) this.#pairing.clear();
    this.#pairing.paired = paired;
  }

  // Decoded pictures drawn a second, lately; null until there has been enough time to count.
  get rate() {
    this.#count();
    return this.#since !== null && now() - this.#since >= RATE_SPAN ? this.#drawn.length / RATE_SPAN : null;
  }

  // When the last decoded picture was drawn, in seconds of the page's clock.
  lastDrawn = -Infinity;

  receive(picture) {
    if (document.hidden || this.held) {
      this.#acknowledge(picture);
      return;
    }
    if (picture.kind === ORIGINAL) this.#acknowledge(picture);
    this.#pairing.add(picture, now());
    this.#advance();
  }

  // Forget what waits: a new stream begins.
  reset() {
    this.#pairing.clear();
    this.#drawn = [];
    this.#since = null;
  }

  async #advance() {
    if (this.#decoding >= DECODES) return;
    const choice = this.#pairing.take(now());
    if (!choice) return;
    this.#decoding += 1;
    const turn = ++this.#started;
    const [original, decoded] = await Promise.all([toBitmap(choice.original), toBitmap(choice.decoded)]);
    this.#decoding -= 1;
    if (turn > this.#ended) {
      this.#ended = turn;
      this.#queue({ original, decoded });
    } else for (const late of [original, decoded]) if (late) this.#finish(late);
    this.#advance();
  }

  // Line up a pair for the next animation frame. They come in bunches: two wait, more do not.
  #queue(pair) {
    this.#ready.push(pair);
    if (this.#ready.length === 1) requestAnimationFrame(() => this.#draw());
    if (this.#ready.length > WAITING) {
      const [late, next] = this.#ready.splice(0, 2);
      // Only one side of the next may be new: keep the other's latest.
      const kept = { original: next.original ?? late.original, decoded: next.decoded ?? late.decoded };
      for (const side of ["original", "decoded"]) if (late[side] && late[side] !== kept[side]) this.#finish(late[side]);
      this.#ready.unshift(kept);
    }
  }

  #draw() {
    const { original, decoded } = this.#ready.shift();
    if (this.#ready.length > 0) requestAnimationFrame(() => this.#draw());
    if (this.held) {
      for (const shown of [original, decoded]) if (shown) this.#finish(shown);
      return;
    }
    for (const [canvas, shown] of [[this.#canvases.original, original], [this.#canvases.decoded, decoded]]) {
      if (shown?.bitmap) paint(canvas, shown);
    }
    if (decoded?.bitmap) {
      this.lastDrawn = now();
      this.#since ??= this.lastDrawn;
      this.#drawn.push(this.lastDrawn);
      this.#count();
    }
    this.#onshow({ original: original?.bitmap ? describe(original) : null, decoded: decoded?.bitmap ? describe(decoded) : null });
    for (const shown of [original, decoded]) if (shown) this.#finish(shown);
  }

  #finish({ picture, bitmap }) {
    bitmap?.close();
    this.#giveUp(picture);
  }

  #giveUp(picture) {
    if (picture.kind !== ORIGINAL) this.#acknowledge(picture);
  }

  #count() {
    const since = now() - RATE_SPAN;
    while (this.#drawn.length > 0 && this.#drawn[0] <= since) this.#drawn.shift();
  }
}

// {picture, bitmap}; the bitmap is null when the file is damaged. Null in, null out.
export async function toBitmap(picture) {
  if (!picture) return null;
  try {
    const bitmap = await createImageBitmap(new Blob([picture.bytes], { type: picture.mediaType }), AS_IT_IS);
    return { picture, bitmap };
  } catch {
    return { picture, bitmap: null };
  }
}

export function paint(canvas, { picture, bitmap }) {
  if (canvas.width !== bitmap.width || canvas.height !== bitmap.height) {
    canvas.width = bitmap.width;
    canvas.height = bitmap.height;
  }
  canvas.getContext("2d", { alpha: false }).drawImage(bitmap, 0, 0);
  canvas.dataset.frame = picture.number;
}

function describe({ picture, bitmap }) {
  const times = picture.halved ? 2 : 1;
  return { number: picture.number, width: times * bitmap.width, height: times * bitmap.height };
}
