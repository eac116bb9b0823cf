// How the pictures are laid out: call or laboratory, which one is large, full screen, picture in picture, theme.

import { $, Choice, remember, remembered, showToggle } from "../shared/page.js";

const THEMES = ["", "dark", "light"]; // "": as the system has it
const THEME = "confcodec-theme";

export class Layout {
  #views = new Choice($("views"), (view) => this.show(view));
  #onview;
  #small = null;

  // onview(view) is told "call" or "laboratory" whenever it changes.
  constructor(onview) {
    this.#onview = onview;
    $("swap").addEventListener("click", () => this.swap());
    $("fullscreen").addEventListener("click", () => this.fullscreen());
    $("pip").addEventListener("click", () => this.pip());
    $("theme").addEventListener("click", () => this.#nextTheme());
    $("stage").addEventListener("dblclick", (event) => {
      if (this.view === "call" && !event.target.closest("button")) this.fullscreen();
    });
    for (const side of ["original", "decoded"]) {
      $(`${side}-picture`).addEventListener("click", () => {
        if (this.view === "call" && document.body.dataset.large !== side) this.swap();
      });
    }
    document.addEventListener("fullscreenchange", () => showToggle($("fullscreen"), "fullscreen", this.#isFull()));
    showToggle($("fullscreen"), "fullscreen", false);
    $("fullscreen").hidden = !document.fullscreenEnabled;
    $("pip").hidden = !document.pictureInPictureEnabled;
    const theme = remembered(THEME);
    this.#theme(THEMES.includes(theme) ? theme : "");
    this.#measureSide(document.querySelector(".side"));
    this.show("call");
  }

  get view() {
    return document.body.dataset.view;
  }

  show(view) {
    if (document.body.dataset.view === view) return;
    document.body.dataset.view = view;
    this.#views.show(view);
    this.#onview(view);
  }

  toggle() {
    this.show(this.view === "call" ? "laboratory" : "call");
  }

  swap() {
    const { dataset } = document.body;
    dataset.large = dataset.large === "original" ? "decoded" : "original";
    if (this.#small) this.#stream(this.#small);
  }

  async fullscreen() {
    if (this.#isFull()) await document.exitFullscreen();
    else await $("stage").requestFullscreen().catch(() => {}); // a browser may refuse; then nothing changes
  }

  // A small window of its own that stays above others: a video fed from the large picture's canvas.
  async pip() {
    if (document.pictureInPictureElement) {
      await document.exitPictureInPicture();
      return;
    }
    this.#small ??= Object.assign(document.createElement("video"), { muted: true, playsInline: true });
    this.#stream(this.#small);
    try {
      await this.#small.play();
      await this.#small.requestPictureInPicture();
      $("pip").setAttribute("aria-pressed", "true");
      this.#small.addEventListener("leavepictureinpicture", () => this.#endSmall(), { once: true });
    } catch {
      this.#endSmall(); // refused by the browser or the system
    }
  }

  #stream(video) {
    const canvas = $(document.body.dataset.large ?? "decoded");
    for (const track of video.srcObject?.getTracks() ?? []) track.stop();
    video.srcObject = canvas.captureStream();
  }

  #endSmall() {
    for (const track of this.#small?.srcObject?.getTracks() ?? []) track.stop();
    this.#small = null;
    $("pip").setAttribute("aria-pressed", "false");
  }

  // Where a side that scrolls with the page has to stop depends on its own height.
  #measureSide(side) {
    new ResizeObserver(() => side.style.setProperty("--height", `${side.offsetHeight}px`)).observe(side);
  }

  #isFull() {
    return document.fullscreenElement === $("stage");
  }

  #nextTheme() {
    const next = THEMES[(THEMES.indexOf(document.documentElement.dataset.theme ?? "") + 1) % THEMES.length];
    this.#theme(next);
    remember(THEME, next);
  }

  #theme(theme) {
    if (theme) document.documentElement.dataset.theme = theme;
    else delete document.documentElement.dataset.theme;
    dispatchEvent(new Event("themechange"));
  }
}
