import assert from "node:assert/strict";
import { test } from "node:test";

import { KEYS, actionOf, labelOf } from "../../web/shared/keys.js";
import { SHORTCUTS } from "../../web/words/text.js";

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

// A press of the key in a place: what it gives on a layout.
const placed = (code, key, layout = null, more = {}) => actionOf({ key, code, target: target(), ...more }, layout);
const layout = (text) => new Map(text.split(" ").map((one) => one.split("=")));
const US = layout("KeyQ=q KeyA=a KeyM=m KeyV=v KeyZ=z KeyS=s Semicolon=; BracketLeft=[ BracketRight=] Slash=/");
const FRENCH = layout("KeyQ=a KeyA=q KeyM=, KeyV=v KeyZ=w KeyW=z KeyS=s Semicolon=m BracketLeft=^ BracketRight=$ Slash=!");
const GERMAN = layout("KeyQ=q KeyA=a KeyM=m KeyV=v KeyZ=y KeyY=z KeyS=s Semicolon=ö BracketLeft=ü BracketRight=+ Slash=-");

test("on a layout of other letters the key in the same place asks for the action", () => {
  for (const known of [null, US]) {
    assert.equal(placed("KeyV", "м", known), "camera");
    assert.equal(placed("KeyS", "Ы", known, { shiftKey: true }), "swap");
    assert.equal(placed("KeyZ", "Я", known, { shiftKey: true }), "zoom");
    assert.equal(placed("BracketLeft", "х", known), "worse");
    assert.equal(placed("KeyE", "у", known), null);
  }
  assert.equal(placed("KeyQ", ";", US), "leave"); // Greek; the map is that of its Latin layout
});

test("where a layout has the letter elsewhere, the key of that letter alone is the shortcut", () => {
  assert.equal(placed("KeyA", "q", FRENCH), "leave");
  assert.equal(placed("KeyQ", "a", FRENCH), null);
  assert.equal(placed("KeyM", ",", FRENCH), null);
  assert.equal(placed("KeyQ", "a"), null); // also where the browser tells no layout
  assert.equal(placed("KeyY", "z", GERMAN), "zoom");
  assert.equal(placed("KeyZ", "y", GERMAN), null);
});

test("a character that no key gives by itself is the key in its place, and the list says what is written on it", () => {
  assert.equal(placed("BracketLeft", "ü", GERMAN), "worse");
  assert.equal(placed("BracketRight", "+", GERMAN), "better");
  assert.equal(placed("BracketLeft", "Dead", FRENCH), "worse");
  assert.deepEqual(["worse", "better", "zoom", "help", "pause"].map((one) => labelOf(one, GERMAN)), ["Ü", "+", "Z", "?", "Space"]);
  assert.deepEqual(["worse", "leave", "microphone"].map((one) => labelOf(one, FRENCH)), ["^", "Q", "M"]);
  assert.deepEqual(["worse", "leave"].map((one) => labelOf(one)), ["[", "Q"]);
});

test("Shift makes another character of a key that is no letter", () => {
  assert.equal(placed("BracketLeft", "{", US, { shiftKey: true }), null);
  assert.equal(placed("Slash", "?", US, { shiftKey: true }), "help");
  assert.equal(placed("Digit7", "?", US, { shiftKey: true }), "help");
});

test("what an input method takes is no shortcut", () => {
  assert.equal(placed("KeyQ", "q", US, { isComposing: true }), null);
});
