import assert from "node:assert/strict";
import { test } from "node:test";

import { csv, fileName } from "../../web/laboratory/export.js";

test("figures become rows under their names, holes stay empty, digits that mean nothing go", () => {
  const text = csv(["psnr", "fps"], [[-1.25, 0], [33.123456789, null], [30, 29.5]]);
  assert.equal(text, "seconds,psnr,fps\r\n-1.250,33.12346,30\r\n0.000,,29.5\r\n");
});

test("nothing measured is a file with its names alone", () => {
  assert.equal(csv(["psnr"], [[], []]), "seconds,psnr\r\n");
});

test("a file's name sorts by its moment and has no character that a system forbids", () => {
  assert.equal(fileName("figures", "csv", new Date(Date.UTC(2026, 0, 2, 3, 4, 5))), "confcodec-figures-20260102-030405.csv".replace("20260102", "2026-01-02"));
});
