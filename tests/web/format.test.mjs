import assert from "node:assert/strict";
import { test } from "node:test";

import { ALL, FIGURES } from "../../web/call/figures.js";
import { NONE, bitrate, bytes, count, fixed, joined, milliseconds } from "../../web/words/format.js";
import { FIGURE_WORDS } from "../../web/words/figures.js";

test("a bitrate is written in the unit that suits it", () => {
  assert.deepEqual(bitrate(0), ["0", "kbit/s"]);
  assert.deepEqual(bitrate(999_499), ["999", "kbit/s"]);
  assert.deepEqual(bitrate(999_500), ["1.00", "Mbit/s"]);
  assert.deepEqual(bitrate(1_234_567), ["1.23", "Mbit/s"]);
  assert.deepEqual(bitrate(12_345_678), ["12.3", "Mbit/s"]);
});

test("sizes, times and counts are written as people read them", () => {
  assert.deepEqual(bytes(812), ["812", "B"]);
  assert.deepEqual(bytes(4321), ["4.3", "kB"]);
  assert.deepEqual(bytes(123_456), ["123", "kB"]);
  assert.deepEqual(milliseconds(7.04), ["7.0", "ms"]);
  assert.deepEqual(milliseconds(123.4), ["123", "ms"]);
  assert.equal(count(12_345), "12,345");
  assert.equal(joined(["7.0", "ms"]), "7.0 ms");
});

test("what was not measured is an en dash, never a number", () => {
  for (const nothing of [null, undefined, Number.NaN, Infinity, "3"]) {
    for (const [text] of [bitrate(nothing), bytes(nothing), milliseconds(nothing), [fixed(nothing, 2)], [count(nothing)]]) {
      assert.equal(text, NONE);
    }
  }
  assert.equal(joined([NONE, "ms"]), NONE);
});

test("every live figure can be written before anything was measured", () => {
  for (const id of ALL) {
    const [value, unit] = FIGURES[id]({}, {}, null);
    assert.equal(value, NONE);
    assert.equal(typeof unit, "string");
    assert.doesNotMatch(FIGURE_WORDS[id].note({}, {}), /undefined|null|NaN/);
  }
});

test("the compression ratio is against 24 bits a pixel", () => {
  assert.deepEqual(FIGURES.bpp({ bpp: 0.4 }), ["0.400", "bpp"]);
  assert.equal(FIGURE_WORDS.bpp.note({ bpp: 0.4 }), "1/60 of uncoded");
  assert.equal(FIGURE_WORDS.bpp.note({ bpp: 6 }), "1/4.0 of uncoded");
});
