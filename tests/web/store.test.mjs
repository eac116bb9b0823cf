import assert from "node:assert/strict";
import { test } from "node:test";

import { Store } from "../../web/laboratory/store.js";

test("a table holds the asked columns, with times relative to now", () => {
  const store = new Store(["a", "b"], 60);
  store.push(10, { a: 1, b: 2 });
  store.push(11, { a: 3, b: 4 });
  assert.deepEqual(store.table(["b"], 12), [[-2, -1], [2, 4]]);
  assert.deepEqual(store.table(["a", "b"], 11), [[-1, 0], [1, 3], [2, 4]]);
});

test("what was not measured is a hole", () => {
  const store = new Store(["a", "b"], 60);
  store.push(0, { a: null });
  store.push(1, { a: Number.NaN, b: "7" });
  assert.deepEqual(store.table(["a", "b"], 1), [[-1, 0], [null, null], [null, null]]);
});

test("memory stays bounded, with one row beyond the window", () => {
  const store = new Store(["a"], 60);
  for (let i = 0; i <= 4000; i++) store.push(i / 4, { a: i });
  const [times, a] = store.table(["a"], 1000);
  assert.equal(store.length, 242);
  assert.equal(times[0], -60.25);
  assert.equal(times[1], -60);
  assert.equal(a.at(-1), 4000);
});

test("a gap breaks every line, and nothing happens when there is no line", () => {
  const store = new Store(["a"], 60);
  store.gap(0);
  assert.equal(store.length, 0);
  store.push(1, { a: 1 });
  store.gap(2);
  store.push(9, { a: 2 });
  assert.deepEqual(store.table(["a"], 9), [[-8, -7, 0], [1, null, 2]]);
});

test("times never run backwards", () => {
  const store = new Store(["a"], 60);
  store.push(5, { a: 1 });
  store.push(4, { a: 2 });
  assert.deepEqual(store.table(["a"], 5), [[0, 0], [1, 2]]);
});

test("each change is announced", () => {
  const store = new Store(["a"], 60);
  let changes = 0;
  store.addEventListener("change", () => changes++);
  store.push(0, { a: 1 });
  store.gap(1);
  assert.equal(changes, 2);
});
