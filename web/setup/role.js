// What a page may show of its controls: those of its role alone. The server refuses the others in any case (roles.py).

import { $, write } from "../shared/page.js";
import { RECORDED, ROLES, SHORTCUTS } from "../words/text.js";

const LETTERS = { h: "host", c: "guest", w: "watch" };
const HOSTS_KEYS = new Set([SHORTCUTS.camera, SHORTCUTS.microphone, SHORTCUTS.record, SHORTCUTS.worse, SHORTCUTS.better]);

// The role that a token seems to give, before the server has said.
export const roleOf = (token) => LETTERS[token[0]] ?? "watch";

// Hide every control that is not this role's own. Others show and hide controls, too: call it after them.
export function showOwn(role, recorded = false) {
  document.body.dataset.role = role;
  for (const element of document.querySelectorAll("[data-for]")) {
    const own = element.dataset.for.split(" ").includes(role);
    if (own && element.dataset.withheld) element.hidden = false;
    element.dataset.withheld = own ? "" : "yes";
    if (!own) element.hidden = true;
  }
  for (const group of $("shortcut-list").children) {
    group.hidden = role !== "host" && HOSTS_KEYS.has(group.querySelector("dd")?.textContent);
  }
  write($("role"), [ROLES[role], role !== "host" && recorded ? RECORDED : ""].filter(Boolean).join(" "));
  $("role").hidden = role === "host";
}
