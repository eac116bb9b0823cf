// Chooses which pictures to show next.
//
// In a loopback call both pictures show the same captured frame, and the decoded one comes some 50 ms after its
// original: originals wait here (as undecoded files, so waiting costs little) until their decoded one arrives.
// With a remote peer the two are different cameras, and each simply shows its newest.

import { ORIGINAL } from "./messages.js";

const ORIGINALS_KEPT = 40; // more than a second at 30 frames a second
const PATIENCE = 0.3; // seconds to wait for the other half of a pair before showing one alone

export class Pairing {
  paired = true;
  #originals = [];
  #decoded = [];
  #discard;
  #lastPair = -Infinity;

  // discard: called with each picture that will never be shown.
  constructor(discard) {
    this.#discard = discard;
  }

  add(picture, now) {
    const queue = picture.kind === ORIGINAL ? this.#originals : this.#decoded;
    queue.push({ picture, since: now });
    if (queue.length > ORIGINALS_KEPT) this.#discard(queue.shift().picture);
  }

  // The next {original, decoded} to show, either of them null, or null when there is nothing new.
  take(now) {
    if (!this.paired) return this.#newest();
    const pair = this.#pair();
    if (pair) {
      this.#lastPair = now;
      return pair;
    }
    const overdue = this.#decoded.length > 0 && now - this.#decoded[0].since > PATIENCE;
    if (overdue) return this.#unequal();
    const alone = this.#decoded.length === 0 && now - this.#lastPair > PATIENCE;
    // Nothing decoded arrives (waiting, or the peer is lost): the camera's picture goes on by itself, but only up to
    // what is old enough that a decoded one cannot be on its way.
    return alone ? this.#originalAlone(now) : null;
  }

  clear() {
    for (const { picture } of [...this.#originals.splice(0), ...this.#decoded.splice(0)]) this.#discard(picture);
    this.#lastPair = -Infinity;
  }

  #pair() {
    for (let i = this.#decoded.length - 1; i >= 0; i--) {
      const number = this.#decoded[i].picture.number;
      const j = this.#originals.findLastIndex(({ picture }) => picture.number === number);
      if (j >= 0) return { original: this.#pop(this.#originals, j), decoded: this.#pop(this.#decoded, i) };
    }
    return null;
  }

  #unequal() {
    const decoded = this.#pop(this.#decoded, this.#decoded.length - 1);
    const j = this.#originals.findLastIndex(({ picture }) => picture.number <= decoded.number);
    return { original: j < 0 ? null : this.#pop(this.#originals, j), decoded };
  }

  #originalAlone(now) {
    const j = this.#originals.findLastIndex(({ since }) => now - since > PATIENCE);
    return j < 0 ? null : { original: this.#pop(this.#originals, j), decoded: null };
  }

  #newest() {
    const original = this.#pop(this.#originals, this.#originals.length - 1);
    const decoded = this.#pop(this.#decoded, this.#decoded.length - 1);
    return original || decoded ? { original, decoded } : null;
  }

  // Take one out; those that came before it are too late.
  #pop(queue, index) {
    if (index < 0) return null;
    const taken = queue.splice(0, index + 1);
    const { picture } = taken.pop();
    for (const late of taken) this.#discard(late.picture);
    return picture;
  }
}
