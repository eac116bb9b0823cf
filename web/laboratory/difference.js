// The difference of two pictures, around grey: what the codec has changed, made visible.

export const GAIN = 8;

// a, b, out: RGBA bytes of equal length, out a Uint8ClampedArray; grey where both are equal, brighter where b is.
export function difference(a, b, out) {
  for (let i = 0; i < out.length; i += 4) {
    out[i] = 128 + GAIN * (b[i] - a[i]);
    out[i + 1] = 128 + GAIN * (b[i + 1] - a[i + 1]);
    out[i + 2] = 128 + GAIN * (b[i + 2] - a[i + 2]);
    out[i + 3] = 255;
  }
  return out;
}
