import assert from "node:assert/strict";
import { test } from "node:test";

import { Pairing } from "../../web/wire/pairing.js";
import { DECODED, ORIGINAL } from "../../web/wire/messages.js";

const original = (number) => ({ kind: ORIGINAL, number });
const decoded = (number) => ({ kind: DECODED, number });

function make() {
  const discarded = [];
  return { pairing: new Pairing((picture) => discarded.push(picture)), discarded };
}

// Numbers of what take() chose, null for a side that has nothing.
const numbers = (choice) => choice && [choice.original?.number ?? null, choice.decoded?.number ?? null];

test("a decoded picture is shown beside the original of its number", () => {
  const { pairing, discarded } = make();
  for (const number of [7, 8, 9]) pairing.add(original(number), 0);
  pairing.add(decoded(8), 0.05);
  assert.deepEqual(numbers(pairing.take(0.05)), [8, 8]);
  assert.deepEqual(discarded, [original(7)]);
  pairing.add(decoded(9), 0.08);
  assert.deepEqual(numbers(pairing.take(0.08)), [9, 9]);
  assert.equal(pairing.take(0.09), null);
});

test("a pair is found whichever half comes first", () => {
  const { pairing } = make();
  pairing.add(decoded(3), 0);
  assert.equal(pairing.take(0), null);
  pairing.add(original(3), 0.01);
  assert.deepEqual(numbers(pairing.take(0.01)), [3, 3]);
});

test("the newest pair wins and everything older is given up", () => {
  const { pairing, discarded } = make();
  for (const number of [1, 2, 3]) pairing.add(original(number), 0);
  for (const number of [1, 2]) pairing.add(decoded(number), 0);
  assert.deepEqual(numbers(pairing.take(0)), [2, 2]);
  assert.deepEqual(discarded, [decoded(1), original(1)].reverse());
});

test("every picture is either shown or given up, once", () => {
  const { pairing, discarded } = make();
  const shown = [];
  let added = 0;
  for (let i = 0; i < 500; i++) {
    if (i % 3 !== 1) added += (pairing.add(original(i), i / 30), 1);
    if (i % 5 !== 2) added += (pairing.add(decoded(i), i / 30), 1);
    const choice = pairing.take(i / 30);
    for (const picture of [choice?.original, choice?.decoded]) if (picture) shown.push(picture);
  }
  pairing.clear();
  assert.equal(shown.length + discarded.length, added);
  assert.equal(new Set([...shown, ...discarded]).size, added);
});

test("a decoded picture whose original never comes is shown after a moment, beside an earlier original", () => {
  const { pairing } = make();
  pairing.add(original(4), 0);
  pairing.add(decoded(5), 0);
  assert.equal(pairing.take(0.1), null);
  assert.deepEqual(numbers(pairing.take(0.4)), [4, 5]);
});

test("originals go on alone when nothing is decoded", () => {
  const { pairing } = make();
  pairing.add(original(1), 0);
  assert.equal(pairing.take(0.1), null);
  assert.deepEqual(numbers(pairing.take(0.4)), [1, null]);
});

test("two different cameras each show their newest", () => {
  const { pairing, discarded } = make();
  pairing.paired = false;
  pairing.add(original(100), 0);
  pairing.add(original(101), 0);
  pairing.add(decoded(3), 0);
  assert.deepEqual(numbers(pairing.take(0)), [101, 3]);
  assert.deepEqual(discarded, [original(100)]);
  pairing.add(decoded(4), 0.03);
  assert.deepEqual(numbers(pairing.take(0.03)), [null, 4]);
  assert.equal(pairing.take(0.03), null);
});

test("a stream that starts again at zero is shown", () => {
  const { pairing } = make();
  pairing.add(original(900), 0);
  pairing.add(decoded(900), 0);
  assert.deepEqual(numbers(pairing.take(0)), [900, 900]);
  pairing.add(original(0), 1);
  pairing.add(decoded(0), 1);
  assert.deepEqual(numbers(pairing.take(1)), [0, 0]);
});

test("memory stays bounded when originals come and nobody takes them", () => {
  const { pairing, discarded } = make();
  for (let i = 0; i < 1000; i++) pairing.add(original(i), 0);
  assert.equal(discarded.length, 960);
});
