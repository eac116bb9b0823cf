// How the other person comes in, and what stands in the way, in words.

import { copyButton } from "./controls.js";
import { findings } from "./findings.js";
import { $, write } from "../shared/page.js";
import { CHECKS } from "../words/text.js";
import { siteUrl } from "../connection/view.js";

const LOCAL = new Set(["127.0.0.1", "localhost", "[::1]"]);

// The link for others: by --origin; else by the address that this page itself was opened at, if others reach that; else
// by the machine's own. base and reach as the server's state has them, see addresses.py.
export function inviteLink({ href }, { base, reach, room }, token) {
  const here = new URL(href);
  const known = reach === "origin" || LOCAL.has(here.hostname) ? base : null;
  const address = known && room ? `${known}/r/${room}` : `${here.origin}${here.pathname}`;
  return `${address}#${token}`;
}

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

  // state: the server's; token is this page's own, which a guest passes on.
  show(location, state, token) {
    const link = inviteLink(location, state, state.guest_token ?? token);
    if (link === this.#link) return;
    this.#link = link;
    write($("command"), `confcodec call ${link}`);
    $("qr").alt = CHECKS.qr(link);
    $("qr").src = `${siteUrl(location, "qr.svg")}?${new URLSearchParams({ token, link })}`;
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
