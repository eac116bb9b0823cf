import assert from "node:assert/strict";
import { test } from "node:test";

import { BrowserCamera } from "../../web/connection/browser-camera.js";
import { Giving } from "../../web/connection/giving.js";
import { GIVING } from "../../web/words/text.js";

// Let promises settle.
const settle = () => new Promise((resolve) => setImmediate(resolve));

class Track extends EventTarget {
  live = true;
  stop() {
    this.live = false;
  }
}

class Connection extends EventTarget {
  iceGatheringState = "complete";
  connectionState = "new";
  localDescription = { sdp: "v=0" };
  addTransceiver() {}
  async createOffer() {}
  async setLocalDescription() {}
  async setRemoteDescription() {}
  getSenders() {
    return [{ getParameters: () => ({ encodings: [{}] }), setParameters: async () => {} }];
  }
  become(state) {
    this.connectionState = state;
    this.dispatchEvent(new Event("connectionstatechange"));
  }
  close() {
    this.connectionState = "closed";
  }
}

// A tab with a camera, and the server's answers under the test's hand.
function tab({ storage = new Map(), allowed = true, answer = async () => "v=0", media } = {}) {
  const tracks = [];
  const connections = [];
  let names = 0;
  const stream = () => {
    const track = new Track();
    tracks.push(track);
    return { getTracks: () => [track], getVideoTracks: () => [track] };
  };
  const world = {
    getMedia: media ? () => media(stream) : async () => stream(),
    connect: () => (connections.push(new Connection()), connections.at(-1)),
    name: () => `camera ${storage.size}${names++}`,
  };
  const camera = new BrowserCamera(answer, (why) => giving.ended(why), world);
  const kept = {
    getItem: (key) => storage.get(key) ?? null,
    setItem: (key, value) => storage.set(key, value),
    removeItem: (key) => storage.delete(key),
  };
  const giving = new Giving(camera, () => {}, { storage: () => kept, allowed: async () => allowed });
  const lit = () => tracks.filter(({ live }) => live).length;
  const follow = async (taken, more = {}) => {
    giving.follow({ ...WANTED, camera: true, browser_camera: taken, ...more });
    await settle();
  };
  return { camera, giving, tracks, connections, storage, lit, follow };
}

const WANTED = { size: [640, 480], fps: 30 };

async function running(options) {
  const made = tab(options);
  await made.giving.start(WANTED);
  await made.follow({ id: made.camera.id, live: true });
  assert.equal(made.lit(), 1);
  assert.ok(made.giving.on);
  return made;
}

test("a camera runs while the server says that it takes it", async () => {
  const { camera, follow, lit } = await running();
  await follow({ id: camera.id, live: false }); // it has fallen silent, but is still wanted
  assert.equal(lit(), 1);
});

test("a camera goes out when another page gives its own, and says so", async () => {
  const { giving, follow, lit } = await running();
  await follow({ id: "of another page", live: true });
  assert.equal(lit(), 0);
  assert.equal(giving.note, GIVING.another);
});

test("a camera goes out when another source is chosen, or the server gives it up", async () => {
  const { giving, follow, lit, storage } = await running();
  await follow(null);
  assert.equal(lit(), 0);
  assert.equal(giving.note, "");
  assert.equal(storage.size, 0);
});

test("a camera goes out where its connection or its device ends, and says which", async () => {
  const lost = await running();
  lost.connections[0].become("failed");
  assert.equal(lost.lit(), 0);
  assert.equal(lost.giving.note, GIVING.lost);
  const unplugged = await running();
  unplugged.tracks[0].dispatchEvent(new Event("ended"));
  assert.equal(unplugged.connections[0].connectionState, "closed");
  assert.equal(unplugged.giving.note, GIVING.unplugged);
});

test("leaving turns a camera off for good", async () => {
  const { camera, giving, follow, lit } = await running();
  const { id } = camera;
  giving.leave();
  await follow({ id, live: false });
  assert.equal(lit(), 0);
});

test("a camera that is turned off in the call is off, and comes back with it", async () => {
  const { camera, follow, lit } = await running();
  const { id } = camera;
  await follow({ id, live: true }, { camera: false });
  assert.equal(lit(), 0);
  await follow({ id, live: true });
  assert.equal(lit(), 1);
  assert.notEqual(camera.id, id);
});

test("a lost server turns a camera off; it comes back with the server if that still waits for it", async () => {
  const waits = await running();
  const { id } = waits.camera;
  waits.giving.pause();
  assert.equal(waits.lit(), 0);
  await waits.follow({ id, live: false });
  assert.equal(waits.lit(), 1);
  const anew = await running();
  anew.giving.pause();
  await anew.follow(null, { source_spec: "demo" });
  assert.equal(anew.lit(), 0);
});

test("a failed start leaves no camera on: refused by the server, or let go after its answer", async () => {
  const refused = tab({ answer: () => Promise.reject(new Error("no")) });
  await refused.giving.start(WANTED);
  assert.equal(refused.tracks.length, 1);
  assert.equal(refused.lit(), 0);
  assert.ok(refused.giving.note.includes("no"));
  assert.ok(!refused.giving.starting);
});

test("what a person allows after choosing something else is turned off at once", async () => {
  let allow;
  const late = tab({ media: (stream) => new Promise((resolve) => (allow = () => resolve(stream()))) });
  const start = late.giving.start(WANTED);
  assert.ok(late.giving.starting);
  late.giving.cancel();
  allow();
  await start;
  assert.equal(late.tracks.length, 1);
  assert.equal(late.lit(), 0);
  assert.ok(!late.giving.on);
});

test("the page that was reloaded starts its camera again once its old one is gone", async () => {
  const before = await running();
  const { storage } = before;
  const { id } = before.camera;
  const after = tab({ storage });
  await after.follow({ id, live: true }); // still the old one's last second, or the tab that this one is a copy of
  assert.equal(after.lit(), 0);
  await after.follow({ id, live: false });
  assert.equal(after.lit(), 1);
});

test("where the browser would ask again, the reloaded page says what to do instead", async () => {
  const before = await running();
  const after = tab({ storage: before.storage, allowed: false });
  await after.follow({ id: before.camera.id, live: false });
  assert.equal(after.lit(), 0);
  assert.equal(after.giving.note, GIVING.again);
});

test("a page that never gave a camera starts none by itself", async () => {
  const other = tab();
  await other.follow({ id: "of another page", live: false });
  assert.equal(other.tracks.length, 0);
});
