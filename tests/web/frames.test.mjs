import assert from "node:assert/strict";
import { test } from "node:test";
import { FrameLog } from "../../web/laboratory/frames.js";

const frame = (number, psnr = null) => [number, 1000 + number, 0.1, 28, 20.5, psnr];

test("the newest frames come first, each once, with what was measured later", () => {
  const log = new FrameLog(60);
  log.push([frame(1), frame(2)], 10);
  log.push([frame(1), frame(2, 33.1), frame(3)], 10.25);
  assert.deepEqual(log.until(11, 6), [frame(3), frame(2, 33.1), frame(1)]);
  assert.deepEqual(log.until(11, 2), [frame(3), frame(2, 33.1)]);
});

test("a moment shows what was known then", () => {
  const log = new FrameLog(60);
  log.push([frame(1)], 10);
  log.push([frame(1), frame(2)], 20);
  assert.deepEqual(log.until(15, 6), [frame(1)]);
  assert.deepEqual(log.until(5, 6), []);
});

test("frames are forgotten after the span, and when another call begins", () => {
  const log = new FrameLog(60);
  log.push([frame(100)], 0);
  log.push([frame(101)], 50);
  log.push([frame(102)], 70);
  assert.deepEqual(log.until(70, 6), [frame(102), frame(101)]);
  log.push([frame(1)], 71);
  assert.deepEqual(log.until(71, 6), [frame(1)]);
});
