import assert from "node:assert/strict";
import { test } from "node:test";

import { judge } from "../../web/badge.js";

const SENT = { psnr_db: 36 };
const RECEIVED = { fps: 30, latency_ms: 80 };

test("a picture is called what its PSNR makes it", () => {
  const named = [40, 36, 31, 25].map((psnr_db) => judge({ psnr_db }, RECEIVED, 30).picture);
  assert.deepEqual(named, ["excellent", "good", "fair", "poor"]);
});

test("nothing is said before anything was measured", () => {
  assert.deepEqual(judge({ psnr_db: null }, {}, 30), { picture: null, fault: null, tone: "wait" });
});

test("what a person would notice besides is named, the worst first", () => {
  assert.equal(judge(SENT, { fps: 12, latency_ms: 400 }, 30).fault, "choppy");
  assert.equal(judge(SENT, { fps: 29, latency_ms: 400 }, 30).fault, "delayed");
  assert.equal(judge({ ...SENT, loss: 0.05 }, RECEIVED, 30).fault, "lossy");
  assert.equal(judge(SENT, RECEIVED, 30).fault, null);
});

test("the first frames of a call are too few to judge their rate by", () => {
  assert.equal(judge(SENT, { fps: 5, decoded: 9 }, 30).fault, null);
  assert.equal(judge(SENT, { fps: 5, decoded: 90 }, 30).fault, "choppy");
});

test("a good picture that stutters is not good", () => {
  assert.equal(judge(SENT, RECEIVED, 30).tone, "good");
  assert.equal(judge(SENT, { fps: 5 }, 30).tone, "bad");
});
