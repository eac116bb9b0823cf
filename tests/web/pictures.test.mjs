import assert from "node:assert/strict";
import { test } from "node:test";

import { difference } from "../../web/laboratory/difference.js";
import { clampPan } from "../../web/laboratory/pan.js";

test("equal pixels are grey, others eight times as far from it, within black and white", () => {
  const a = [100, 100, 100, 255];
  const b = [100, 103, 50, 255];
  assert.deepEqual([...difference(a, b, new Uint8ClampedArray(4))], [128, 152, 0, 255]);
});

test("a zoomed picture always covers its frame", () => {
  assert.deepEqual(clampPan(1, -30, 10).map((n) => n + 0), [0, 0]);
  assert.deepEqual(clampPan(4, -100, 5), [-75, 0]);
  assert.deepEqual(clampPan(4, -40, -20), [-40, -20]);
});
