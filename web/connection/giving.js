// This page's camera as the server's picture. It runs exactly while the server takes it: the server's state says whose
// camera that is. Where it ran before a reload or a break it starts again by itself, if the browser still allows that
// without asking; otherwise the page says what to do.

import { GIVING } from "../words/text.js";

const REMEMBERED = "confcodec-camera"; // in this tab's storage: the name of the camera that it gave last

const BROWSER = {
  storage: () => sessionStorage,
  allowed: async () => (await navigator.permissions.query({ name: "camera" })).state === "granted",
};

export class Giving {
  #camera;
  #onchange;
  #world;
  #stoppedHere = false; // by this very page, so that its camera need not be waited for

  // Words for the person, or none.
  note = "";
  starting = false;

  // camera: {available, id, start(), stop()}; onchange() when `on`, `starting` or `note` have changed; world: what a test replaces.
  constructor(camera, onchange, world = {}) {
    this.#camera = camera;
    this.#onchange = onchange;
    this.#world = { ...BROWSER, ...world };
  }

  get available() {
    return this.#camera.available;
  }

  get on() {
    return this.#camera.id !== null;
  }

  // A person wants it. Whether it has begun; an error's words are in `note`.
  async start({ size, fps }) {
    this.#say("", true);
    let note = "";
    try {
      await this.#camera.start(size, fps);
      this.#remember(this.#camera.id);
    } catch (error) {
      if (error.name === "AbortError") return; // whoever stopped it has said what there is to say
      this.#remember(null);
      note = GIVING.refused(error.name, error.message);
    }
    this.#say(note);
  }

  // A person chose another source: a start that is under way ends. What runs goes on until the server has opened that.
  cancel() {
    if (this.starting) this.#camera.stop();
    this.#say("");
  }

  // The server's state: what it does not take is turned off.
  async follow({ browser_camera: taken, camera, size, fps }) {
    const running = this.#camera.id;
    if (running !== null) {
      if (taken?.id !== running) this.#end(taken ? GIVING.another : "");
      else if (camera === false) this.pause();
    } else if (!this.starting && this.#remembered !== null) {
      if (taken?.id !== this.#remembered) this.#remember(null);
      else if (camera !== false && (this.#stoppedHere || !taken.live)) await this.#again({ size, fps });
    }
  }

  // Not used for now: it stops, and starts again when the state asks for it.
  pause() {
    if (!this.on && !this.starting) return;
    this.#camera.stop();
    this.#stoppedHere = true;
    this.#say("");
  }

  // Not used any more.
  leave() {
    this.#end("");
  }

  // It ended by itself: "unplugged" or "lost".
  ended(why) {
    this.#end(GIVING[why]);
  }

  #end(note) {
    this.#camera.stop();
    this.#remember(null);
    this.#say(note);
  }

  async #again(wanted) {
    const allowed = await this.#world.allowed().catch(() => false);
    if (this.on || this.starting) return;
    if (allowed) await this.start(wanted);
    else {
      this.#remember(null);
      this.#say(GIVING.again);
    }
  }

  #say(note, starting = false) {
    this.note = note;
    this.starting = starting;
    this.#onchange();
  }

  get #remembered() {
    try {
      return this.#world.storage().getItem(REMEMBERED);
    } catch {
      return null; // storage is forbidden here: a reload forgets
    }
  }

  #remember(id) {
    this.#stoppedHere = false;
    try {
      if (id === null) this.#world.storage().removeItem(REMEMBERED);
      else this.#world.storage().setItem(REMEMBERED, id);
    } catch {
      // as above
    }
  }
}
