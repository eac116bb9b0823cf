// What a call is made of: source, size, rate, codec and its quality or bitrate. The server's state is the truth.

import { CodecControl, QualityControl } from "./controls.js";
import { $, Choice, write } from "../shared/page.js";
import { SOURCES, sizeName, sourceName } from "../words/text.js";

const SIZES = [[320, 240], [640, 360], [640, 480], [960, 540], [1280, 720]];
const RATES = [10, 15, 24, 30, 60];
export const BROWSER = "browser";
const ELSEWHERE = "elsewhere"; // shown where a browser's camera is the source and this page's is not running
const MEGA = 1e6;

export class Setup {
  #send;
  #giving;
  #state = null;
  #quality;
  #codec;
  #mode;

  // send(wish) to the server; giving: this browser's camera for it, see giving.js.
  constructor(send, giving) {
    this.#send = send;
    this.#giving = giving;
    this.#quality = new QualityControl($("quality"), $("quality-number"), (quality) => send({ quality }));
    this.#codec = new CodecControl($("codec"), $("codec-note"), (codec) => send({ codec }));
    this.#mode = new Choice($("rate-mode"), (mode) => this.#rateBy(mode));
    $("bitrate").addEventListener("change", () => this.#wantBitrate());
    $("source").addEventListener("change", () => this.#choose($("source").value));
    $("size").addEventListener("change", () => send({ size: $("size").value.split("x").map(Number) }));
    $("fps").addEventListener("change", () => send({ fps: Number($("fps").value) }));
  }

  follow(state) {
    this.#state = state;
    this.#quality.show(state.quality);
    this.#codec.show(state.codecs, state.codec);
    this.#showSources(state);
    choose($("size"), SIZES.map((size) => [size.join("x"), sizeName(size)]), state.size.join("x"), sizeName(state.size));
    choose($("fps"), RATES.map((fps) => [String(fps), String(fps)]), String(state.fps), String(state.fps));
    $("rate-by").hidden = state.mode === undefined;
    const mode = state.mode ?? "quality";
    this.#mode.show(mode);
    $("by-bitrate").hidden = mode !== "bitrate";
    $("by-quality").hidden = mode !== "quality";
    if (state.bitrate && document.activeElement !== $("bitrate")) $("bitrate").value = (state.bitrate / MEGA).toFixed(1);
    write($("source-note"), this.#giving.starting ? SOURCES.asking : this.#giving.note);
  }

  step(by) {
    if (!this.#state || this.#state.role !== "host") return;
    const quality = Math.min(63, Math.max(0, $("quality").valueAsNumber + by));
    $("quality").value = quality;
    $("quality").dispatchEvent(new Event("input"));
  }

  // The server will not fulfil the wish: an error, or a lost connection.
  giveUp() {
    this.#codec.giveUp();
    if (this.#state) this.follow(this.#state);
  }

  #showSources({ sources, source_spec: spec, browser_camera: taken }) {
    $("setup").hidden = sources === undefined;
    if (sources === undefined) return;
    const known = sources.map((one) => [one, sourceName(one)]);
    if (this.#giving.available) known.push([BROWSER, SOURCES.browser]);
    if (this.#giving.starting) choose($("source"), known, BROWSER);
    else if (spec === BROWSER && !this.#giving.on) {
      // A choice of its own, so that choosing this browser's camera is a change, and starts it again.
      choose($("source"), known, ELSEWHERE, taken?.live ? SOURCES.elsewhere : SOURCES.stopped);
    } else choose($("source"), known, spec, spec === null ? "" : sourceName(spec));
  }

  #choose(source) {
    if (source === BROWSER) this.#giving.start(this.#state);
    else if (source !== ELSEWHERE) this.#wantSource(source);
  }

  #wantSource(source) {
    this.#giving.cancel();
    write($("source-note"), SOURCES.opening(sourceName(source)));
    this.#send({ source });
  }

  #rateBy(mode) {
    if (mode === "bitrate") this.#wantBitrate();
    else if (mode === "auto") this.#send({ mode });
    else this.#send({ quality: $("quality").valueAsNumber });
  }

  #wantBitrate() {
    if ($("bitrate").checkValidity()) this.#send({ bitrate: Math.round($("bitrate").valueAsNumber * MEGA) });
  }
}

// Fill a <select> once, and show what is in force, be it in the list or not.
function choose(select, options, value, label = value) {
  const all = options.some(([known]) => known === value) || value === null ? options : [...options, [value, label]];
  const key = all.join();
  if (select.dataset.options !== key) {
    select.dataset.options = key;
    select.replaceChildren(...all.map(([known, words]) => new Option(words, known)));
  }
  select.value = value;
}
