// The connection to the server: one WebSocket that carries pictures and figures here, and wishes and
// acknowledgements there. It comes back by itself, with growing pauses, until the server refuses the token.
//
// Events, each a CustomEvent: "message" {type, ...}; "picture" (see wire.js); "open"; "lost"; "refused".

import { GONE, unreadable } from "./text.js";
import { parseMessage, parsePicture } from "./wire.js";

const FIRST_PAUSE = 0.5; // seconds
const LONGEST_PAUSE = 4;
const SILENCE = 5; // the server speaks four times a second: this long without a word, it is gone
const REFUSED = new Set([401, 403]);

// The address of a WebSocket of the server that belongs to a page's address and token.
export function viewUrl(location, token, path = "view") {
  const url = new URL(`/${path}`, location.href);
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  url.hash = "";
  const room = location.pathname.match(/^\/r\/([^/]+)/);
  url.search = new URLSearchParams(room ? { token, room: room[1] } : { token }).toString();
  return url.href;
}

// Whether the server is there and refuses this token: a browser does not say why a WebSocket failed.
async function isRefused(url) {
  try {
    const response = await fetch(url.replace(/^ws/, "http"), { cache: "no-store" });
    return REFUSED.has(response.status);
  } catch {
    return false; // nobody answers: gone, not refused
  }
}

export class View extends EventTarget {
  #url;
  #world;
  #socket = null;
  #pause = FIRST_PAUSE;
  #retry = null;
  #watch = null;
  #closed = false;

  // world: what a test replaces; open(url) gives a WebSocket, isRefused(url) a promise of a boolean.
  constructor(url, world = {}) {
    super();
    this.#url = url;
    this.#world = { open: (address) => new WebSocket(address), isRefused, ...world };
    this.#connect();
  }

  send(message) {
    if (this.#socket?.readyState === 1) this.#socket.send(JSON.stringify(message));
  }

  // Send a message and wait for the server's next one of `type`; rejects on an error, or when there is no connection.
  ask(message, type) {
    return new Promise((resolve, reject) => {
      if (this.#socket?.readyState !== 1) {
        reject(new Error(GONE));
        return;
      }
      const end = (settle, value) => {
        this.removeEventListener("message", answered);
        this.removeEventListener("lost", lost);
        settle(value);
      };
      const answered = ({ detail }) => {
        if (detail.type === type) end(resolve, detail.sdp);
        else if (detail.type === "error") end(reject, new Error(detail.message));
      };
      const lost = () => end(reject, new Error(GONE));
      this.addEventListener("message", answered);
      this.addEventListener("lost", lost);
      this.send(message);
    });
  }

  close() {
    this.#closed = true;
    clearTimeout(this.#retry);
    clearTimeout(this.#watch);
    this.#socket?.close();
  }

  #connect() {
    const socket = this.#world.open(this.#url);
    socket.binaryType = "arraybuffer";
    this.#socket = socket;
    this.#heard(); // a server that is stopped, or behind a dead network, does not even refuse
    let opened = false;
    socket.onopen = () => {
      opened = true;
      this.#heard();
      this.#tell("open");
    };
    socket.onmessage = ({ data }) => {
      if (socket === this.#socket) this.#receive(data);
    };
    socket.onclose = () => this.#lose(socket, opened);
  }

  #receive(data) {
    this.#heard();
    this.#pause = FIRST_PAUSE;
    try {
      if (typeof data === "string") this.#tell("message", parseMessage(data));
      else this.#tell("picture", parsePicture(data));
    } catch (error) {
      this.#tell("message", { type: "error", message: unreadable(error.message) });
    }
  }

  async #lose(socket, opened) {
    if (this.#closed || socket !== this.#socket) return;
    this.#socket = null;
    clearTimeout(this.#watch);
    this.#tell("lost");
    if (!opened && (await this.#world.isRefused(this.#url))) {
      this.#closed = true;
      this.#tell("refused");
      return;
    }
    if (this.#closed) return;
    this.#retry = setTimeout(() => this.#connect(), this.#pause * 1000 * (0.8 + 0.4 * Math.random()));
    this.#pause = Math.min(2 * this.#pause, LONGEST_PAUSE);
  }

  #heard() {
    clearTimeout(this.#watch);
    const socket = this.#socket;
    this.#watch = setTimeout(() => {
      // close() alone may wait a minute for a dead network's goodbye
      this.#lose(socket, true);
      socket.close();
    }, SILENCE * 1000);
  }

  #tell(type, detail = null) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}
