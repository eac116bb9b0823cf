// The bytes this page reads, mirrored field by field from the Python side.
//
//   picture message, server to page, 16 bytes and then a picture file     ('!BBHIQ')
//     kind u8 | format u8 | flags u16, bit 0: halved | frame number u32 | capture time u64, microseconds
//
//   packet on the media channel, peer to peer, 32 bytes and then payload   ('!BBBBIHHHHIIII')
//     version and type u8 | flags u8 | slice u8 | slices u8 | frame u32 | sequence u16 | index u16 | k u16 | n u16 |
//     capture time u32, microseconds | send time u32 | length of the slice u32 | offset of the payload in it u32
//
// Everything here is a pure function of bytes or text; what cannot be read raises WireError.

export class WireError extends Error {}

export const ORIGINAL = 1;
export const DECODED = 2;

const PICTURE_HEADER = 16;
const MEDIA_TYPES = new Map([[1, "image/jpeg"]]);

// A picture message as {kind, mediaType, halved, number, captureTime in seconds, bytes}; bytes are a view, not a copy.
export function parsePicture(buffer) {
  if (buffer.byteLength <= PICTURE_HEADER) {
    throw new WireError(`a picture message of ${buffer.byteLength} bytes has no picture`);
  }
  const view = new DataView(buffer);
  const kind = view.getUint8(0);
  const mediaType = MEDIA_TYPES.get(view.getUint8(1));
  if (kind !== ORIGINAL && kind !== DECODED) throw new WireError(`unknown picture kind ${kind}`);
  if (!mediaType) throw new WireError(`unknown picture format ${view.getUint8(1)}`);
  return {
    kind,
    mediaType,
    halved: (view.getUint16(2) & 1) === 1, // the frame is twice as wide and high
    number: view.getUint32(4),
    captureTime: Number(view.getBigUint64(8)) / 1e6,
    bytes: new Uint8Array(buffer, PICTURE_HEADER),
  };
}

// A text message from the server: an object whose `type` is a string.
export function parseMessage(text) {
  let message;
  try {
    message = JSON.parse(text);
  } catch {
    throw new WireError("a message is not JSON");
  }
  if (typeof message?.type !== "string") throw new WireError("a message has no type");
  return message;
}

// A comparison: u32 length of a JSON object, the object, and the picture files that its `pictures` tell the length of.
export function parseComparison(buffer) {
  const view = new DataView(buffer);
  const length = buffer.byteLength >= 4 ? view.getUint32(0) : Infinity;
  if (4 + length > buffer.byteLength) throw new WireError("a comparison shorter than its header says");
  const head = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, length)));
  let offset = 4 + length;
  const pictures = head.pictures.map((picture) => {
    if (offset + picture.length > buffer.byteLength) throw new WireError("a comparison lacks a picture");
    const bytes = new Uint8Array(buffer, offset, picture.length);
    offset += picture.length;
    return { ...picture, mediaType: picture.media, file: bytes };
  });
  return { ...head, pictures };
}

const PACKET_HEADER = 32;
const MAX_PACKET = 1160;
const MAX_FRAME = 8 << 20;
const VERSION_2_FRAME = 0x20;
const MAX_PROTECTED = 256;

// A packet of the media channel: the fields of `Packet` in confcodec/wire/packets.py under the same names.
export function unpackPacket(buffer) {
  const size = buffer.byteLength;
  if (size <= PACKET_HEADER || size > MAX_PACKET) throw new WireError(`a packet of ${size} bytes`);
  const view = new DataView(buffer);
  if (view.getUint8(0) !== VERSION_2_FRAME) throw new WireError("a packet of another version or type");
  const packet = {
    slice: view.getUint8(2),
    slices: view.getUint8(3),
    frame: view.getUint32(4),
    sequence: view.getUint16(8),
    index: view.getUint16(10),
    k: view.getUint16(12),
    n: view.getUint16(14),
    capture_us: view.getUint32(16),
    send_us: view.getUint32(20),
    length: view.getUint32(24),
    offset: view.getUint32(28),
    payload: new Uint8Array(buffer, PACKET_HEADER),
    halved: (view.getUint8(1) & 1) === 1,
  };
  checkPacket(packet);
  return packet;
}

function checkPacket({ slice, slices, index, k, n, length, offset, payload }) {
  if (slice >= slices || slices > k || k > n || index >= n || n > Math.max(k, MAX_PROTECTED)) {
    throw new WireError("a packet numbered outside its frame");
  }
  if (index >= k) {
    if (slice || length || offset) throw new WireError("a packet of parity that says it is of a slice");
  } else if (offset + payload.length > length || length > MAX_FRAME) {
    throw new WireError(`${payload.length} bytes at ${offset} of a slice of ${length} bytes`);
  }
}
