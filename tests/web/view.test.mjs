import assert from "node:assert/strict";
import { mock, test } from "node:test";

import { View, siteUrl, viewUrl } from "../../web/connection/view.js";

// A network path made by hand: sockets that the test opens, feeds and closes.
class Socket {
  readyState = 0;
  sent = [];
  constructor(url) {
    this.url = url;
  }
  open() {
    this.readyState = 1;
    this.onopen();
  }
  say(message) {
    this.onmessage({ data: JSON.stringify(message) });
  }
  send(text) {
    this.sent.push(JSON.parse(text));
  }
  close() {
    if (this.readyState === 3) return;
    this.readyState = 3;
    this.onclose();
  }
}

// answers: what the server says each time it is asked why; the last one again and again.
function connect(t, ...answers) {
  mock.timers.enable({ apis: ["setTimeout"] });
  t.after(() => mock.timers.reset());
  const sockets = [];
  const open = (url) => (sockets.push(new Socket(url)), sockets.at(-1));
  const view = new View("ws://host/view?token=T", { open, whyNot: async () => (answers.length > 1 ? answers.shift() : (answers[0] ?? null)) });
  const heard = [];
  for (const type of ["open", "lost", "refused"]) view.addEventListener(type, () => heard.push(type));
  const barred = [];
  view.addEventListener("barred", ({ detail }) => barred.push(detail));
  view.addEventListener("message", ({ detail }) => heard.push(detail));
  return { view, sockets, heard, barred };
}

// Let promises settle.
const settle = () => new Promise((resolve) => setImmediate(resolve));

async function after(seconds) {
  mock.timers.tick(seconds * 1000);
  await settle();
}

test("the address carries the token in the query and speaks WebSocket", () => {
  assert.equal(viewUrl(new URL("http://host:8080/#a+b"), "a+b"), "ws://host:8080/view?token=a%2Bb");
  assert.equal(viewUrl(new URL("https://host/#T"), "T", "laboratory"), "wss://host/laboratory?token=T");
  assert.equal(viewUrl(new URL("https://host/r/ours#T"), "T"), "wss://host/view?token=T&room=ours");
  assert.equal(viewUrl(new URL("https://host/codec/r/ours#T"), "T"), "wss://host/codec/view?token=T&room=ours");
  assert.equal(viewUrl(new URL("https://host/codec/#T"), "T"), "wss://host/codec/view?token=T");
  assert.equal(siteUrl(new URL("https://host/codec/r/ours?x=1#T"), "qr.svg").href, "https://host/codec/qr.svg");
});

test("a question without a connection is refused at once", async (t) => {
  const { view } = connect(t);
  await assert.rejects(view.ask({ type: "camera", sdp: "offer" }, "camera"), /connection was lost/);
});

test("an answer settles the question, an error or a lost connection ends it", async (t) => {
  const { view, sockets } = connect(t);
  sockets[0].open();
  const asked = view.ask({ type: "camera", sdp: "offer" }, "camera");
  sockets[0].say({ type: "stats" });
  sockets[0].say({ type: "camera", sdp: "answer" });
  assert.equal(await asked, "answer");
  assert.deepEqual(sockets[0].sent.at(-1), { type: "camera", sdp: "offer" });
  const refused = view.ask({ type: "camera", sdp: "x" }, "camera");
  sockets[0].say({ type: "error", message: "no video" });
  await assert.rejects(refused, /no video/);
  const lost = view.ask({ type: "camera", sdp: "x" }, "camera");
  sockets[0].close();
  await assert.rejects(lost, /lost/);
});

test("messages are passed on and wishes are sent", (t) => {
  const { view, sockets, heard } = connect(t);
  view.send({ type: "set", quality: 1 });
  sockets[0].open();
  sockets[0].say({ type: "state", quality: 40 });
  view.send({ type: "set", quality: 2 });
  assert.deepEqual(heard, ["open", { type: "state", quality: 40 }]);
  assert.deepEqual(sockets[0].sent, [{ type: "set", quality: 2 }]);
});

test("what cannot be read becomes an error message and the connection stays", (t) => {
  const { sockets, heard } = connect(t);
  sockets[0].open();
  sockets[0].onmessage({ data: "no json" });
  sockets[0].onmessage({ data: new ArrayBuffer(3) });
  assert.deepEqual(heard.slice(1).map(({ type }) => type), ["error", "error"]);
  assert.equal(sockets[0].readyState, 1);
});

test("a lost connection comes back, with growing pauses that a message resets", async (t) => {
  const { sockets, heard } = connect(t);
  sockets[0].open();
  sockets[0].close();
  await settle();
  assert.equal(sockets.length, 1);
  await after(0.6);
  assert.equal(sockets.length, 2);
  sockets[1].close();
  await settle();
  await after(0.6);
  assert.equal(sockets.length, 2);
  await after(0.7);
  assert.equal(sockets.length, 3);
  sockets[2].open();
  sockets[2].say({ type: "state" });
  sockets[2].close();
  await settle();
  await after(0.6);
  assert.equal(sockets.length, 4);
  assert.deepEqual(heard, ["open", "lost", "lost", "open", { type: "state" }, "lost"]);
});

test("pauses stop growing at a few seconds", async (t) => {
  const { sockets } = connect(t);
  for (let i = 0; i < 12; i++) {
    sockets.at(-1).close();
    await settle();
    await after(4.9);
  }
  assert.equal(sockets.length, 13);
});

test("a refused token ends the attempts", async (t) => {
  const { sockets, heard } = connect(t, { code: "bad-token", message: "wrong token" });
  sockets[0].close();
  await settle();
  await after(60);
  assert.deepEqual(heard, ["lost", "refused"]);
  assert.equal(sockets.length, 1);
});

async function fail(sockets, times) {
  for (let i = 0; i < times; i++) {
    sockets.at(-1).close();
    await settle();
    await after(4.9);
  }
}

test("a server that lets the page not in is asked why, in words, while the attempts go on", async (t) => {
  const { sockets, heard, barred } = connect(t, { code: "origin", message: "pass --origin" }, { code: "full", message: "16 pages" }, null);
  await fail(sockets, 3);
  assert.deepEqual(barred, ["pass --origin", "16 pages", ""]);
  assert.equal(sockets.length, 4);
  sockets[3].open();
  assert.equal(heard.at(-1), "open");
});

test("where the server knows no reason twice, something between drops the WebSocket", async (t) => {
  const { sockets, barred } = connect(t, { code: "ok", message: "" });
  await fail(sockets, 1);
  assert.deepEqual(barred, []); // it may just have started
  await fail(sockets, 1);
  assert.match(barred[0], /proxy.*Upgrade/);
});

test("a server that falls silent counts as lost, and its late words are ignored", async (t) => {
  const { sockets, heard } = connect(t);
  sockets[0].open();
  await after(4);
  sockets[0].say({ type: "stats" });
  await after(4);
  assert.deepEqual(heard, ["open", { type: "stats" }]);
  await after(1.1);
  sockets[0].say({ type: "stats" });
  assert.deepEqual(heard, ["open", { type: "stats" }, "lost"]);
  await after(0.6);
  assert.equal(sockets.length, 2);
});

test("an attempt that nobody answers is given up and made again", async (t) => {
  const { sockets, heard } = connect(t);
  await after(5.1);
  assert.deepEqual(heard, ["lost"]);
  assert.equal(sockets[0].readyState, 3);
  await after(0.6);
  assert.equal(sockets.length, 2);
});

test("a view that was closed stays closed", async (t) => {
  const { view, sockets, heard } = connect(t);
  sockets[0].open();
  view.close();
  await settle();
  await after(60);
  assert.equal(sockets.length, 1);
  assert.deepEqual(heard, ["open"]);
});
