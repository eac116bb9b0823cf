import assert from "node:assert/strict";
import { test } from "node:test";

import { findings } from "../../web/setup/findings.js";
import { inviteLink } from "../../web/setup/invite.js";

const INFO = { codec: "rt", device: "cpu", dtype: "bf16" };
const STATE = { state: "loopback", source: "demo", info: INFO, fps: 30 };
const STATS = { sent: { encode_ms: 20, rtt_ms: 1.5 }, received: { decode_ms: 24 } };
const HERE = { hostname: "127.0.0.1", secure: true };
const words = (state, page = HERE, stats = STATS) => findings({ ...STATE, ...state }, stats, page).map((one) => one.join(": "));

test("a codec that keeps up is fine, one that does not is named with its time", () => {
  assert.ok(words({}).includes("good: No GPU: on the CPU in bf16, 24 ms a frame."));
  const slow = { sent: { encode_ms: 60 }, received: {} };
  const late = "bad: No GPU: on the CPU in bf16, 60 ms a frame: too slow for 30 frames a second; choose fewer, or a smaller size.";
  assert.ok(words({}, HERE, slow).includes(late));
  assert.ok(words({ info: { ...INFO, device: "cuda" } }).includes("good: On the GPU (cuda), 24 ms a frame."));
});

test("a missing camera is told, with what is shown instead", () => {
  assert.ok(words({ source_note: "no camera found; showing the demo" })[0].startsWith("wait: No camera found"));
  assert.ok(words({ source: null })[0].startsWith("bad: Nothing is captured"));
});

test("the check says that a source works only while new pictures come from it", () => {
  const browser = { source: "browser camera", source_spec: "browser" };
  assert.ok(words({ ...browser, browser_camera: { id: "x", live: true } })[0].startsWith("good: A browser's camera works"));
  for (const taken of [{ id: "x", live: false }, null]) {
    assert.ok(words({ ...browser, browser_camera: taken })[0].startsWith("bad: No picture comes from the browser's camera"));
  }
  assert.ok(words({ source: "/dev/video0" }, { ...HERE, still: true })[0].startsWith("bad: No new picture comes from /dev/video0"));
  assert.ok(words({ source: "/dev/video0" })[0].startsWith("good: Source works"));
  assert.equal(words({ camera: false })[0], "wait: The camera is turned off.");
});

test("a link that works here alone is told apart from one for others", () => {
  assert.ok(words({}).some((one) => one.includes("this machine only")));
  assert.ok(words({}, { hostname: "10.0.0.7", secure: true }).some((one) => one.includes("reach 10.0.0.7")));
});

test("no data channel, no secure page and a trouble of the server each have a sentence", () => {
  assert.ok(words({ state: "waiting" }).some((one) => one.includes("UDP is blocked")));
  assert.ok(words({}, { ...HERE, secure: false }).some((one) => one.includes("only to localhost and https")));
  assert.ok(words({ trouble: "disk full" }).includes("bad: disk full"));
});

test("why others do not reach the server is told apart", () => {
  const found = (state) => words(state).join();
  assert.match(found({ base: null, reach: "local" }), /this machine only/);
  assert.match(found({ base: null, reach: "container" }), /container.*--origin/);
  assert.match(found({ base: null, reach: "nowhere" }), /--host ::/);
  assert.match(found({ base: "http://192.0.2.7:8080", reach: "address" }), /reach http:..192/);
});

const link = (href, state) => inviteLink(new URL(href), { room: "home", ...state }, "T");

test("a link for others has --origin, else the page's own address, else the machine's", () => {
  const origin = { base: "https://call.example/codec", reach: "origin" };
  assert.equal(link("http://127.0.0.1:8080/r/home#h", origin), "https://call.example/codec/r/home#T");
  const inner = { base: null, reach: "container" };
  assert.equal(link("http://server.lan:9000/r/home#h", inner), "http://server.lan:9000/r/home#T");
  assert.equal(link("http://127.0.0.1:9000/r/home#h", inner), "http://127.0.0.1:9000/r/home#T");
  const address = { base: "http://192.0.2.7:8080", reach: "address" };
  assert.equal(link("http://127.0.0.1:8080/r/home#h", address), "http://192.0.2.7:8080/r/home#T");
  assert.equal(link("https://far.example/x/r/home#h", address), "https://far.example/x/r/home#T");
});

test("a guest, who is told no address, passes on the one of its own page", () => {
  assert.equal(link("https://far.example/r/home#c", {}), "https://far.example/r/home#T");
  assert.equal(link("http://127.0.0.1:8080/#c", {}), "http://127.0.0.1:8080/#T");
});
