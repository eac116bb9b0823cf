// Keep a zoomed picture over its frame: x and y are percents of the picture, moved left and up.
export function clampPan(zoom, x, y) {
  const limit = 100 - 100 / zoom;
  const clamp = (value) => Math.min(0, Math.max(-limit, value));
  return [clamp(x), clamp(y)];
}
