// What stands on the two canvases and beside them, kept while the viewer shows something else.

import { $, write } from "../shared/page.js";

// Keeps both pictures with their facts; gives what puts them back.
export function keep() {
  const kept = ["original", "decoded"].map((side) => {
    const { width, height, dataset } = $(side);
    const copy = new OffscreenCanvas(width, height);
    copy.getContext("2d", { alpha: false }).drawImage($(side), 0, 0);
    return { side, copy, frame: dataset.frame, facts: $(`${side}-facts`).textContent };
  });
  return () => {
    for (const { side, copy, frame, facts } of kept) {
      if (frame === undefined) continue; // nothing had been drawn yet
      const canvas = $(side);
      [canvas.width, canvas.height] = [copy.width, copy.height];
      canvas.getContext("2d", { alpha: false }).drawImage(copy, 0, 0);
      canvas.dataset.frame = frame;
      write($(`${side}-facts`), facts);
    }
  };
}
