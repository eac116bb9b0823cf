// Joins the page: the connection feeds the pictures, the figures, the charts and the controls.

import { Chart } from "./chart.js";
import { CodecControl, QualityControl, copyButton } from "./controls.js";
import { Figures } from "./figures.js";
import { NONE, count } from "./format.js";
import { Stage } from "./stage.js";
import { Store } from "./store.js";
import { CAMERA_LOST, CONNECTION, NOTHING_NEW, PICTURES, PROBLEMS } from "./text.js";
import { View, viewUrl } from "./view.js";

const SPAN = 60; // seconds in the charts
const TICK = 250; // ms between two redraws of the charts
const STILL = 1.5; // seconds without a new picture after which the page says so

const $ = (id) => document.getElementById(id);
const now = () => performance.now() / 1000;

// The charts' columns, from one "stats" message and the page's own count of shown frames.
const row = ({ sent, received }, shown) => ({
  sentBitrate: mega(sent.bitrate_bps),
  receivedBitrate: mega(received.bitrate_bps),
  psnr: sent.psnr_db,
  sentFps: sent.fps,
  decodedFps: received.fps,
  shownFps: shown,
  encode: sent.encode_ms,
  decode: received.decode_ms,
  latency: received.latency_ms,
});
const mega = (bps) => (typeof bps === "number" ? bps / 1e6 : null);

const CHARTS = {
  "chart-bitrate": {
    ...{ title: "Bitrate", unit: "Mbit/s", digits: 2, floor: 0, least: 0.5 },
    series: [
      { name: "sentBitrate", label: "sent", colour: "line-a" },
      { name: "receivedBitrate", label: "received", colour: "line-b", dash: [5, 3] },
    ],
  },
  "chart-psnr": {
    ...{ title: "PSNR", unit: "dB", digits: 2, floor: null, least: 4 },
    series: [{ name: "psnr", label: "sent, as decoded", colour: "line-a" }],
  },
  "chart-fps": {
    ...{ title: "Frames", unit: "fps", digits: 1, floor: 0, least: 35 },
    series: [
      { name: "sentFps", label: "sent", colour: "line-a" },
      { name: "decodedFps", label: "decoded", colour: "line-b", dash: [5, 3] },
      { name: "shownFps", label: "shown", colour: "line-c" },
    ],
  },
  "chart-time": {
    ...{ title: "Time", unit: "ms", digits: 1, floor: 0, least: 20 },
    series: [
      { name: "encode", label: "encode", colour: "line-a" },
      { name: "decode", label: "decode", colour: "line-b" },
      { name: "latency", label: "end to end", colour: "line-c" },
    ],
  },
};

class Page {
  #view = null;
  #token = "";
  #connection = "connecting";
  #state = null;
  #stats = null;
  #stale = { count: 0, until: 0 };
  #turn = 0;

  #figures = new Figures($("figures"));
  #charts = Object.entries(CHARTS).map(([id, spec]) => new Chart($(id), spec, SPAN));
  #store = new Store(this.#charts.flatMap((chart) => chart.names), SPAN);
  #stage = new Stage(
    { original: $("original"), decoded: $("decoded") },
    ({ kind, number }) => this.#view?.send({ type: "ack", kind, frame: number }),
    (shown) => this.#caption(shown),
  );
  #quality = new QualityControl($("quality"), $("quality-number"), (quality) => this.#set({ quality }));
  #codec = new CodecControl($("codec"), $("codec-note"), (codec) => this.#set({ codec }));

  constructor() {
    copyButton($("copy-command"), () => $("command").textContent);
    copyButton($("copy-link"), () => this.#link());
    addEventListener("hashchange", () => this.#start());
    document.addEventListener("visibilitychange", () => this.#stage.reset());
    setInterval(() => this.#tick(), TICK);
    this.#start();
  }

  // Connect with the token in the address; also when a new link is pasted over the old one.
  #start() {
    this.#view?.close();
    this.#token = location.hash.slice(1);
    this.#state = null;
    if (!this.#token) {
      this.#problem("missing");
      return;
    }
    $("problem").hidden = true;
    $("call").hidden = false;
    $("command").textContent = `confcodec call ${this.#link()}`;
    this.#connect();
  }

  #connect() {
    this.#show("connecting");
    const view = new View(viewUrl(location, this.#token));
    this.#view = view;
    view.addEventListener("message", ({ detail }) => this.#read(detail));
    view.addEventListener("picture", ({ detail }) => this.#stage.receive(detail));
    view.addEventListener("lost", () => this.#lose());
    view.addEventListener("refused", () => this.#problem("refused"));
  }

  #read(message) {
    if (message.type === "state") this.#follow(message);
    else if (message.type === "stats") this.#measure(message);
    else if (message.type === "error") {
      this.#notice(message.message);
      this.#codec.giveUp();
      if (this.#state) this.#codec.show(this.#state.codecs, this.#state.codec);
    }
  }

  #follow(state) {
    if (this.#state?.peer !== state.peer) this.#stage.reset();
    this.#state = state;
    this.#stage.paired = state.peer !== "remote";
    this.#show(CONNECTION[state.state] ? state.state : "connecting");
    this.#notice(state.source_note ?? "");
    this.#quality.show(state.quality);
    this.#codec.show(state.codecs, state.codec);
    this.#facts(state);
    const names = PICTURES[state.peer === "remote" ? "remote" : "loopback"];
    for (const side of ["original", "decoded"]) {
      [$(`${side}-title`).textContent, $(`${side}-where`).textContent] = names[side];
      $(side).setAttribute("aria-label", names[side].join(", "));
    }
    $("pictures-note").textContent = names.note;
  }

  #measure(stats) {
    this.#stats = stats;
    const { sent, received } = stats;
    if (sent.stale > this.#stale.count) this.#stale.until = now() + STILL;
    this.#stale.count = sent.stale ?? 0;
    const shown = document.hidden ? null : this.#stage.rate;
    this.#figures.show(sent, received, shown);
    this.#store.push(now(), row(stats, shown));
  }

  #lose() {
    this.#show("gone");
    this.#codec.giveUp();
    this.#stage.reset();
    this.#figures.show({}, {}, null);
    this.#store.gap(now());
  }

  #set(wish) {
    this.#notice(this.#state?.source_note ?? "");
    this.#view.send({ type: "set", ...wish });
  }

  #show(connection) {
    this.#connection = connection;
    const { tone, words } = CONNECTION[connection];
    $("status").dataset.tone = tone;
    $("status-words").textContent = words;
    document.body.dataset.connection = connection;
    this.#overlays();
  }

  // What the pictures say over themselves, when they are not what they seem.
  #overlays() {
    const still = this.#stage.lastDrawn + STILL < now() ? NOTHING_NEW : "";
    const live = this.#connection === "loopback" || this.#connection === "connected";
    write($("decoded-overlay"), CONNECTION[this.#connection].overlay || (document.hidden ? "" : still));
    const stale = this.#stale.until > now() ? CAMERA_LOST : "";
    const gone = this.#connection === "gone" || this.#connection === "connecting";
    write($("original-overlay"), gone ? CONNECTION[this.#connection].overlay : stale);
    document.body.classList.toggle("live", live);
  }

  #caption({ original, decoded }) {
    const { codec, quality } = this.#stats?.sent ?? {};
    const how = this.#state?.peer === "remote" ? this.#stats?.received.codec : `${codec}, quality ${quality}`;
    if (original) write($("original-facts"), `${facts(original)} · uncoded`);
    if (decoded) write($("decoded-facts"), `${facts(decoded)}${codec ? ` · ${how}` : ""}`);
  }

  #facts({ info, source, size, fps, version }) {
    const threads = (n) => `${n} ${n === 1 ? "thread" : "threads"}`;
    write($("fact-model"), info?.model ?? NONE);
    write($("fact-device"), info ? `${info.device}, ${info.dtype}, ${threads(info.threads)}` : NONE);
    write($("fact-source"), `${source ?? "none"}, ${size.join(" × ")}, ${fps} fps`);
    write($("version"), version);
    for (const canvas of [$("original"), $("decoded")]) {
      if (canvas.dataset.frame === undefined) [canvas.width, canvas.height] = size;
    }
  }

  #notice(text) {
    write($("notice"), text);
    $("notice").hidden = !text;
  }

  #problem(name) {
    [$("problem-title").textContent, $("problem-why").textContent] = PROBLEMS[name];
    $("call").hidden = true;
    $("problem").hidden = false;
    document.body.dataset.connection = name;
  }

  #tick() {
    if (document.hidden) return;
    this.#overlays();
    // Every other chart in turn: half the work at once, and never between two pictures for long.
    this.#turn = 1 - this.#turn;
    for (let i = this.#turn; i < this.#charts.length; i += 2) {
      const chart = this.#charts[i];
      chart.draw(this.#store.table(chart.names, now()));
    }
  }

  #link() {
    return `${location.origin}${location.pathname}#${this.#token}`;
  }
}

function facts({ number, width, height }) {
  return `${width} × ${height} · frame ${count(number)}`;
}

function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

new Page();
