// What stands in the way, in words: below the bar, or in the place of the whole page.

import { $, write } from "./page.js";
import { PROBLEMS } from "../words/text.js";

export function notice(words) {
  write($("notice"), words);
  $("notice").hidden = !words;
}

// name: of PROBLEMS, or null for none; why: {code, message} of the server, if it said.
export function problem(name, why = null) {
  $("problem").hidden = name === null;
  $("call").hidden = name !== null;
  if (name === null) return;
  const [title, words] = PROBLEMS[name];
  write($("problem-title"), title);
  write($("problem-why"), why && why.code !== "bad-token" ? why.message : words);
  document.body.dataset.connection = name;
}
