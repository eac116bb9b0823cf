import assert from "node:assert/strict";
import { test } from "node:test";

import { Lately, judge } from "../../web/call/badge.js";

const SENT = { psnr_db: 36 };
const WELL = { fps: 30, latency: 80, loss: 0 };


// What is said at each second of a stream of which fps(second) is the rate.
function said(fps, seconds, more = () => ({})) {
  const lately = new Lately();
  const faults = [];
  for (let second = 0; second < seconds; second += 0.25) {
    const { sent = {}, received = {}, stream = "demo" } = more(second);
    const stats = { sent: { loss: 0, ...sent }, received: { fps: fps(second), decoded: 30 * second, latency_ms: 80, ...received } };
    faults.push(judge(SENT, lately.take(stats, stream, second), 30).fault);
  }
  return faults;
}

test("a picture is called what its PSNR makes it", () => {
  const named = [40, 36, 31, 25].map((psnr_db) => judge({ psnr_db }, WELL, 30).picture);
  assert.deepEqual(named, ["excellent", "good", "fair", "poor"]);
});

test("nothing is said before anything was measured", () => {
  assert.deepEqual(judge({ psnr_db: null }, null, 30), { picture: null, fault: null, tone: "wait" });
});

test("what a person would notice besides is named, the worst first", () => {
  assert.equal(judge(SENT, { fps: 12, latency: 400 }, 30).fault, "choppy");
  assert.equal(judge(SENT, { fps: 29, latency: 400 }, 30).fault, "delayed");
  assert.equal(judge(SENT, { ...WELL, loss: 0.05 }, 30).fault, "lossy");
  assert.equal(judge(SENT, WELL, 30).fault, null);
});

test("a good picture that stutters is not good", () => {
  assert.equal(judge(SENT, WELL, 30).tone, "good");
  assert.equal(judge(SENT, { ...WELL, fps: 5 }, 30).tone, "bad");
});

test("a stream that goes well from its third second on is never called choppy, however it began", () => {
  const began = (second) => (second < 4 ? 0 : second < 6 ? 8 : 30);
  const late = () => ({ received: { latency_ms: 80 } });
  assert.deepEqual(new Set(said(began, 20, late)), new Set([null]));
});

test("a hiccup of a second is none, a rate that stays low is said after seven seconds and unsaid once it is mended", () => {
  assert.deepEqual(new Set(said((second) => (second >= 10 && second < 11 ? 4 : 30), 20)), new Set([null]));
  const low = said((second) => (second < 20 ? 15 : 30), 30);
  assert.equal(low.indexOf("choppy"), 4 * 7);
  assert.equal(low.lastIndexOf("choppy") < 4 * 24, true);
});

test("another source, size or codec is another stream: its first seconds are not judged by what came before", () => {
  const change = (second) => ({ stream: second < 10 ? "demo" : "camera" });
  assert.deepEqual(new Set(said((second) => (second >= 10 && second < 11.5 ? 2 : 30), 20, change)), new Set([null]));
});

test("one late second is no delay, and one lost packet no loss", () => {
  const late = (second) => ({ received: { latency_ms: second === 10 ? 900 : 80 }, sent: { loss: second === 12 ? 0.3 : 0 } });
  assert.deepEqual(new Set(said(() => 30, 20, late)), new Set([null]));
});
