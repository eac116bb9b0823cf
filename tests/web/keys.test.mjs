import assert from "node:assert/strict";
import { test } from "node:test";

import { KEYS, actionOf } from "../../web/keys.js";
import { SHORTCUTS } from "../../web/text.js";

// An element of the page, as far as a key press looks at it: does any of these selectors match it?
const target = (...matching) => ({ closest: (selector) => matching.some((one) => selector.includes(one)) });
const press = (key, more = {}) => actionOf({ key, target: target(), ...more });

test("each action has a key of its own and words in the overlay", () => {
  assert.equal(new Set(Object.values(KEYS)).size, Object.keys(KEYS).length);
  assert.deepEqual(Object.keys(KEYS).sort(), Object.keys(SHORTCUTS).sort());
});

test("a key asks for its action, whatever its case", () => {
  assert.equal(press("s"), "swap");
  assert.equal(press("S"), "swap");
  assert.equal(press("?"), "help");
  assert.equal(press("x"), null);
});

test("keys with Control, Alt or Meta are the browser's, and a held key acts once", () => {
  for (const more of [{ ctrlKey: true }, { altKey: true }, { metaKey: true }, { repeat: true }]) {
    assert.equal(press("f", more), null);
  }
});

test("typing is not a shortcut, and the space bar presses the focused button", () => {
  assert.equal(press("s", { target: target("select") }), null);
  assert.equal(press(" ", { target: target("button") }), null);
  assert.equal(press(" "), "pause");
});
