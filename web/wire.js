// The bytes this page reads, mirrored field by field from the Python side.
//
//   picture message, server to page, 16 bytes and then a picture file     ('!BBHIQ')
//     kind u8 | format u8 | reserved u16 | frame number u32 | capture time u64, microseconds
//
//   packet on the media channel, peer to peer, 28 bytes and then payload   ('!BBBBIHHHHIII')
//     version and type u8 | flags u8 | slice u8 | slices u8 | frame u32 | sequence u16 | index u16 | k u16 | n u16 |
//     capture time u32, microseconds | send time u32 | length of the slice u32
//
// Everything here is a pure function of bytes or text; what cannot be read raises WireError.

export class WireError extends Error {}

export const ORIGINAL = 1;
export const DECODED = 2;

const PICTURE_HEADER = 16;
const MEDIA_TYPES = new Map([[1, "image/jpeg"]]);

// A picture message as {kind, mediaType, number, captureTime in seconds, bytes}; bytes are a view, not a copy.
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

const PACKET_HEADER = 28;
const MAX_PACKET = 1160;
const MAX_FRAME = 8 << 20;
const VERSION_1_FRAME = 0x10;

// A packet of the media channel: the fields of `Packet` in confcodec/wire/packets.py under the same names.
export function unpackPacket(buffer) {
  const size = buffer.byteLength;
  if (size <= PACKET_HEADER || size > MAX_PACKET) throw new WireError(`a packet of ${size} bytes`);
  const view = new DataView(buffer);
  if (view.getUint8(0) !== VERSION_1_FRAME) throw new WireError("a packet of another version or type");
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
    payload: new Uint8Array(buffer, PACKET_HEADER),
  };
  checkPacket(packet);
  return packet;
}

function checkPacket({ slice, slices, index, k, n, length, payload }) {
  if (slice >= slices || index >= n || k > n) throw new WireError("a packet numbered outside its frame");
  if (k === 0 || k > length || length > MAX_FRAME) throw new WireError(`a frame of ${length} bytes in ${k} packets`);
  const longer = index < length % k || (index >= k && length % k > 0);
  if (payload.length !== Math.floor(length / k) + (longer ? 1 : 0)) {
    throw new WireError("a payload shorter or longer than its header says");
  }
}
