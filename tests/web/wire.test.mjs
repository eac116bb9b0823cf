import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { DECODED, ORIGINAL, WireError, parseComparison, parseMessage, parsePicture, unpackPacket } from "../../web/wire/messages.js";

const vectors = JSON.parse(readFileSync(new URL("../vectors/packets.json", import.meta.url)));
const buffer = (hex) => Uint8Array.from(hex.match(/../g) ?? [], (pair) => parseInt(pair, 16)).buffer;

const PICTURE = "02010000" + "0000002a" + "000000000016e360" + "ffd8ff";

test("a picture message gives its kind, number, time and file", () => {
  const picture = parsePicture(buffer(PICTURE));
  assert.equal(picture.kind, DECODED);
  assert.equal(picture.mediaType, "image/jpeg");
  assert.equal(picture.number, 42);
  assert.equal(picture.captureTime, 1.5);
  assert.deepEqual([...picture.bytes], [0xff, 0xd8, 0xff]);
});

test("the largest frame number and a late capture time survive", () => {
  const picture = parsePicture(buffer("01010000" + "ffffffff" + "0020000000000000" + "00"));
  assert.equal(picture.kind, ORIGINAL);
  assert.equal(picture.number, 2 ** 32 - 1);
  assert.equal(picture.captureTime, 2 ** 53 / 1e6);
});

test("a picture message without a picture is refused at every length", () => {
  for (let bytes = 0; bytes <= 16; bytes++) {
    assert.throws(() => parsePicture(buffer(PICTURE.slice(0, 2 * bytes))), WireError);
  }
});

test("a picture of unknown kind or format is refused", () => {
  for (const start of ["00", "03", "ff"]) assert.throws(() => parsePicture(buffer(start + PICTURE.slice(2))), WireError);
  for (const form of ["00", "02"]) {
    assert.throws(() => parsePicture(buffer(PICTURE.slice(0, 2) + form + PICTURE.slice(4))), WireError);
  }
});

test("a text message is an object with a type, and nothing else is", () => {
  assert.deepEqual(parseMessage('{"type":"state","quality":40}'), { type: "state", quality: 40 });
  for (const text of ["", "{", "null", "3", '"type"', "[]", "{}", '{"type":1}']) {
    assert.throws(() => parseMessage(text), WireError, text);
  }
});

test("the picture messages that Python writes are read", () => {
  for (const { hex, fields } of vectors.pictures) {
    const picture = parsePicture(buffer(hex));
    assert.equal(picture.kind, fields.kind);
    assert.equal(picture.number, fields.frame);
    assert.equal(picture.halved, fields.halved);
    assert.equal(picture.captureTime, fields.capture_us / 1e6);
    assert.deepEqual(picture.bytes, new Uint8Array(buffer(fields.jpeg)));
  }
});

test("the packets that Python writes are read, field by field", () => {
  for (const { hex, fields } of vectors.packets) {
    const { payload, ...rest } = fields;
    assert.deepEqual(unpackPacket(buffer(hex)), { ...rest, payload: new Uint8Array(buffer(payload)) });
  }
});

test("the packets that Python refuses are refused", () => {
  assert.ok(vectors.malformed.length > 0);
  for (const hex of vectors.malformed) assert.throws(() => unpackPacket(buffer(hex)), WireError, hex);
});

test("any bytes are a packet or are refused as one", () => {
  let state = 1;
  const random = () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) >>> 24;
  const [good] = vectors.packets.map(({ hex }) => new Uint8Array(buffer(hex)));
  for (let i = 0; i < 2000; i++) {
    const bytes = i % 2 ? good.slice() : Uint8Array.from({ length: random() }, random);
    if (i % 2) bytes[random() % bytes.length] = random();
    try {
      assert.ok(unpackPacket(bytes.buffer).payload.length > 0);
    } catch (error) {
      assert.ok(error instanceof WireError, error);
    }
  }
});

test("a comparison is read as the server writes it, and a short one is refused", () => {
  const { message } = JSON.parse(readFileSync(new URL("../vectors/comparison.json", import.meta.url)));
  const bytes = new Uint8Array(buffer(message));
  const { frame, size, pictures } = parseComparison(bytes.buffer);
  assert.deepEqual([frame, size], [1393, [640, 480]]);
  assert.deepEqual(pictures.map(({ name, file }) => [name, new TextDecoder().decode(file)]), [["original", "one"], ["rt", "two!"], ["webp", ""]]);
  assert.equal(pictures[1].psnr_db, 33.642);
  for (const length of [0, 3, 4, 20, bytes.length - 1]) {
    assert.throws(() => parseComparison(bytes.slice(0, length).buffer), WireError);
  }
});
