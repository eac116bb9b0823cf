// How the other person comes in, and what stands in the way, in words.

import { copyButton } from "./controls.js";
import { findings } from "./findings.js";
import { $, write } from "./page.js";
import { CHECKS } from "./text.js";

export class Invite {
  #link = "";
  #checks = "";

  constructor() {
    copyButton($("copy-command"), () => $("command").textContent);
    copyButton($("copy-link"), () => this.#link);
    $("show-qr").addEventListener("click", () => {
      $("qr").hidden = !$("qr").hidden;
      $("show-qr").setAttribute("aria-expanded", String(!$("qr").hidden));
    });
  }

  // base: the server's address as others reach it, or null; token opens the room.
  show(location, base, token) {
    const link = `${base ?? location.origin}${location.pathname}#${token}`;
    if (link === this.#link) return;
    this.#link = link;
    write($("command"), `confcodec call ${link}`);
    $("qr").alt = CHECKS.qr(link);
    $("qr").src = `/qr.svg?${new URLSearchParams({ token, link })}`;
  }

  // What works and what does not: [tone, words] each.
  check(state, stats, page) {
    const found = findings(state, stats, page);
    const key = JSON.stringify(found);
    if (key === this.#checks) return;
    this.#checks = key;
    $("checks").replaceChildren(
      ...found.map(([tone, words]) => {
        const item = document.createElement("li");
        item.dataset.tone = tone;
        item.textContent = words;
        return item;
      }),
    );
  }
}
