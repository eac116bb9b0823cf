// Joins the page: the connection feeds the pictures, the figures, the laboratory and the controls.

import { Actions } from "./call/actions.js";
import { Lately, judge } from "./call/badge.js";
import { BrowserCamera } from "./connection/browser-camera.js";
import { Captions } from "./call/captions.js";
import { ALL, FEW, Figures } from "./call/figures.js";
import { Fit } from "./call/fit.js";
import { NONE } from "./words/format.js";
import { Giving } from "./connection/giving.js";
import { Impair } from "./setup/impair.js";
import { Invite } from "./setup/invite.js";
import { Shortcuts } from "./shared/keys.js";
import { Laboratory } from "./laboratory/laboratory.js";
import { Layout } from "./call/layout.js";
import { $, fillWords, write } from "./shared/page.js";
import { notice, problem } from "./shared/problem.js";
import { roleOf, showOwn } from "./setup/role.js";
import { BROWSER, Setup } from "./setup/setup.js";
import { Stage } from "./call/stage.js";
import * as text from "./words/text.js";
import { View, siteUrl, viewUrl } from "./connection/view.js";

const TICK = 250; // ms between two redraws of the charts
const STILL = 1.5; // seconds without a new picture after which the page says so

const now = () => performance.now() / 1000;

fillWords();

class Page {
  #view = null;
  #token = "";
  #connection = "connecting";
  #state = null;
  #stats = null;
  #stale = { count: 0, until: 0 };
  #captions = new Captions();
  #lately = new Lately();

  #stage = new Stage(
    { original: $("original"), decoded: $("decoded") },
    ({ kind, number }) => this.#send({ type: "ack", kind, frame: number }),
    (shown) => {
      this.#captions.drawn(shown);
      this.#laboratory.drawn();
    },
  );
  #laboratory = new Laboratory(
    this.#stage,
    () => viewUrl(location, this.#token, "laboratory"),
    (picture) => (picture ? this.#captions.compared(picture) : this.#captions.name(this.#state?.peer)),
  );
  #fit = new Fit($("original"), () => this.#layout.view !== "call", (small) => this.#send({ type: "small", on: small }));
  #layout = new Layout((view) => {
    this.#laboratory.show(view === "laboratory" && this.#connection !== "left");
    this.#fit.check();
  });
  #few = new Figures($("strip"), FEW, "strip");
  #all = new Figures($("figures"), ALL, "figure");
  #giving = new Giving(
    new BrowserCamera(
      (sdp, id) => this.#view.ask({ type: "camera", sdp, id }, "camera"),
      (why) => this.#giving.ended(why),
    ),
    () => this.#state && this.#setup.follow(this.#state),
  );
  #setup = new Setup((wish) => this.#set(wish), this.#giving);
  #impair = new Impair((message) => this.#send(message));
  #invite = new Invite();
  #actions = new Actions((message) => this.#send(message), {
    onleave: () => this.#leave(),
    onagain: () => this.#start(),
    link: (name) => `${siteUrl(location, `recordings/${encodeURIComponent(name)}`)}?${new URLSearchParams({ token: this.#token })}`,
  });

  constructor() {
    $("help").addEventListener("click", () => $("shortcuts").showModal());
    addEventListener("hashchange", () => this.#start());
    addEventListener("pagehide", () => this.#giving.pause()); // also for a page that the browser keeps for going back
    document.addEventListener("visibilitychange", () => this.#seen());
    const run = {
      swap: () => this.#layout.view === "call" && this.#layout.swap(),
      fullscreen: () => this.#layout.fullscreen(),
      pip: () => this.#layout.pip(),
      camera: () => this.#actions.toggle("camera"),
      microphone: () => this.#actions.toggle("microphone"),
      record: () => this.#actions.toggle("record"),
      leave: () => (this.#connection === "left" ? this.#start() : this.#askToLeave()),
      laboratory: () => this.#layout.toggle(),
      pause: () => this.#laboratory.pause(),
      mode: () => this.#laboratory.nextMode(),
      zoom: ({ shiftKey }) => this.#laboratory.zoom(shiftKey ? -1 : 1),
      worse: () => this.#setup.step(-1),
      better: () => this.#setup.step(1),
      help: () => $("shortcuts").showModal(),
    };
    new Shortcuts(run, [$("keys"), $("keys-too")], $("shortcut-list"));
    $("leaving").addEventListener("close", () => $("leaving").returnValue === "leave" && this.#leave());
    setInterval(() => this.#tick(), TICK);
    this.#start();
  }

  // Connect with the token in the address; also when a new link is pasted over the old one.
  #start() {
    this.#view?.close();
    this.#giving.pause();
    this.#actions.left(false);
    this.#token = location.hash.slice(1);
    this.#state = null;
    this.#own(roleOf(this.#token));
    if (!this.#token) {
      this.#problem("missing");
      return;
    }
    problem(null);
    this.#connect();
    this.#laboratory.show(this.#layout.view === "laboratory");
  }

  #connect() {
    this.#show("connecting");
    this.#fit.reset();
    const view = new View(viewUrl(location, this.#token));
    this.#view = view;
    view.addEventListener("message", ({ detail }) => this.#read(detail));
    view.addEventListener("picture", ({ detail }) => this.#stage.receive(detail));
    view.addEventListener("lost", () => this.#lose());
    view.addEventListener("barred", ({ detail }) => this.#barred(detail));
    view.addEventListener("refused", ({ detail }) => this.#problem("refused", detail));
  }

  #read(message) {
    if (message.type === "state") this.#follow(message);
    else if (message.type === "stats") this.#measure(message);
    else if (message.type === "error") {
      notice(message.message);
      this.#setup.giveUp();
    }
  }

  #follow(state) {
    if (this.#state?.peer !== state.peer) this.#stage.reset();
    this.#state = state;
    this.#giving.follow(state);
    this.#stage.paired = this.#laboratory.paired = state.peer !== "remote";
    this.#show(text.CONNECTION[state.state] ? state.state : "connecting");
    notice(state.source_note ?? "");
    this.#fit.follow(state.size[0]);
    this.#setup.follow(state);
    this.#actions.follow(state);
    this.#impair.follow(state);
    if (state.role !== "watch") this.#invite.show(location, state, this.#token);
    this.#facts(state);
    this.#own(state.role, state.recording?.on);
    if (!this.#laboratory.looking) this.#captions.name(state.peer);
  }

  #own(role, recorded = false) {
    showOwn(role, recorded);
    this.#laboratory.compares = role !== "watch";
  }

  #measure(stats) {
    this.#stats = stats;
    const { sent, received } = stats;
    sent.fromBrowser = this.#state?.source_spec === BROWSER;
    if (sent.stale > this.#stale.count) this.#stale.until = now() + STILL;
    this.#stale.count = sent.stale ?? 0;
    const shown = document.hidden || this.#laboratory.paused ? null : this.#stage.rate;
    this.#few.show(sent, received, shown);
    this.#all.show(sent, received, shown);
    this.#laboratory.measure(stats, shown);
    const here = { hostname: location.hostname, secure: isSecureContext, still: this.#stale.until > now() };
    if (this.#state) this.#invite.check(this.#state, stats, here);
    const { peer, source, size, fps = 0, codec } = this.#state ?? {};
    const lately = this.#lately.take(stats, [peer, source, size, fps, codec].join(), now());
    const { picture, fault, tone } = judge(sent, lately, fps);
    $("badge").dataset.tone = tone;
    const words = [text.BADGE.picture[picture] ?? text.BADGE.unknown, text.BADGE.faults[fault]];
    write($("badge"), words.filter(Boolean).join(", "));
  }

  #lose() {
    this.#giving.pause();
    if (this.#connection !== "barred") this.#show("gone");
    this.#quiet();
  }

  // The server is there, but this page does not get through to it.
  #barred(why) {
    this.#show(why ? "barred" : "gone");
    notice(why);
  }

  // A key is pressed, or heard by a dictation, more easily than a button.
  #askToLeave() {
    $("leaving").returnValue = "";
    $("leaving").showModal();
  }

  #leave() {
    if (this.#connection === "left") return;
    if (this.#state?.role === "host") this.#send({ type: "leave" }); // others leave the page, and end nobody's call
    this.#view?.close();
    this.#giving.leave();
    this.#show("left");
    this.#actions.left(true);
    this.#laboratory.show(false);
    this.#quiet();
  }

  // Figures and pictures of before are not those of now.
  #quiet() {
    this.#setup.giveUp();
    this.#stage.reset();
    this.#few.show({}, {}, null);
    this.#all.show({}, {}, null);
    this.#laboratory.gap();
    this.#lately.reset();
  }

  #send(message) {
    this.#view?.send(message);
  }

  #set(wish) {
    notice(this.#state?.source_note ?? "");
    this.#send({ type: "set", ...wish });
  }

  #show(connection) {
    this.#connection = connection;
    const { tone, words } = text.CONNECTION[connection];
    $("status").dataset.tone = tone;
    write($("status-words"), words);
    document.body.dataset.connection = connection;
    this.#overlays();
  }

  // What the pictures say over themselves, when they are not what they seem.
  #overlays() {
    const live = this.#connection === "loopback" || this.#connection === "connected";
    const away = !live && this.#connection !== "waiting" && this.#connection !== "lost";
    const { overlay } = text.CONNECTION[this.#connection];
    const off = this.#actions.cameraOff;
    const still = this.#stage.lastDrawn + STILL < now() && !this.#stage.held && !document.hidden ? text.NOTHING_NEW : "";
    const own = off ? text.CAMERA_OFF : this.#stale.until > now() ? text.CAMERA_LOST : "";
    const theirs = this.#theirCamera() ?? still;
    write($("decoded-overlay"), overlay || theirs);
    write($("original-overlay"), away ? overlay : own);
    document.body.classList.toggle("live", live);
  }

  // Why no picture of the other side is due; null if one is.
  #theirCamera() {
    const { peer, remote } = this.#state ?? {};
    if (peer === "loopback") return this.#actions.cameraOff ? text.CAMERA_OFF : null;
    return remote?.camera === false ? text.THEIR_CAMERA_OFF : null;
  }

  #facts({ info, source, size, fps, version }) {
    write($("fact-model"), info?.model ?? NONE);
    write($("fact-device"), info ? text.runsOn(info) : NONE);
    write($("fact-source"), text.shape(source, size, fps));
    write($("version"), version);
    for (const canvas of [$("original"), $("decoded")]) {
      if (canvas.dataset.frame === undefined) [canvas.width, canvas.height] = size;
    }
  }

  // There is no call here, and no camera for one.
  #problem(name, why) {
    this.#giving.leave();
    problem(name, why);
  }

  #seen() {
    this.#stage.reset();
    this.#laboratory.show(this.#layout.view === "laboratory" && this.#connection !== "left");
  }

  #tick() {
    if (document.hidden) return;
    this.#captions.tell(this.#state, this.#stats);
    this.#overlays();
    this.#laboratory.tick();
  }
}

new Page();
