// Numbers as people read them: [value, unit]. Whatever was not measured is an en dash.

export const NONE = "–";

const known = (value) => typeof value === "number" && Number.isFinite(value);

// Digits after the point shrink as the number grows, so that a figure keeps its width.
export function fixed(value, digits) {
  return known(value) ? value.toFixed(digits) : NONE;
}

export function count(value) {
  return known(value) ? Math.round(value).toLocaleString("en-US") : NONE;
}

export function bitrate(bps) {
  if (!known(bps)) return [NONE, "Mbit/s"];
  if (bps < 999_500) return [(bps / 1e3).toFixed(0), "kbit/s"];
  return [(bps / 1e6).toFixed(bps < 9.995e6 ? 2 : 1), "Mbit/s"];
}

export function bytes(value) {
  if (!known(value)) return [NONE, "kB"];
  if (value < 999.5) return [value.toFixed(0), "B"];
  return [(value / 1e3).toFixed(value < 99_950 ? 1 : 0), "kB"];
}

export function milliseconds(value) {
  return [fixed(value, known(value) && value >= 99.95 ? 0 : 1), "ms"];
}

export function joined([value, unit]) {
  return value === NONE ? NONE : `${value} ${unit}`;
}
