// How large the camera's own picture is drawn: where half its width and height will do, the server sends no more,
// which saves both sides work.

export class Fit {
  #canvas;
  #whole;
  #send;
  #width = Infinity;
  #told = null;

  // whole(): whether every pixel is wanted, however small; send(small) when that changes.
  constructor(canvas, whole, send) {
    this.#canvas = canvas;
    this.#whole = whole;
    this.#send = send;
    new ResizeObserver(() => this.check()).observe(canvas);
  }

  // The frames are so many pixels wide.
  follow(width) {
    this.#width = width;
    this.check();
  }

  // A server that knows nothing yet.
  reset() {
    this.#width = Infinity;
    this.#told = null;
  }

  check() {
    if (this.#width === Infinity) return;
    const small = !this.#whole() && this.#canvas.clientWidth * devicePixelRatio <= this.#width / 2;
    if (small === this.#told) return;
    this.#told = small;
    this.#send(small);
  }
}
