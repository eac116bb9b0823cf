// What stands on the two pictures: their names, where they come from, and the facts of the frame shown.

import { $, write } from "../shared/page.js";
import * as text from "../words/text.js";

export class Captions {
  #drawn = {}; // since the facts were last written

  // A picture was drawn: {original, decoded}, either null. What stands on it is written by tell(), not with each frame:
  // nobody reads 30 numbers a second, and each costs a layout.
  drawn({ original, decoded }) {
    this.#drawn = { original: original ?? this.#drawn.original, decoded: decoded ?? this.#drawn.decoded };
  }

  tell(state, stats) {
    const { original, decoded } = this.#drawn;
    this.#drawn = {};
    const { codec, quality } = stats?.sent ?? {};
    const there = state?.peer === "remote" ? [stats?.received.codec] : [text.codedAs(codec, quality)];
    if (state?.remote?.microphone === false) there.push(text.MUTED);
    const how = there.join(" · ");
    if (original) write($("original-facts"), `${text.frameFacts(original)} · ${text.UNCODED}`);
    if (decoded) write($("decoded-facts"), `${text.frameFacts(decoded)}${codec ? ` · ${how}` : ""}`);
    if (decoded) $("viewer").style.setProperty("--aspect", `${decoded.width} / ${decoded.height}`);
  }

  // The live pictures of a call with itself, or with a `peer` that is "remote".
  name(peer) {
    const names = text.PICTURES[peer === "remote" ? "remote" : "loopback"];
    for (const side of ["original", "decoded"]) {
      write($(`${side}-title`), names[side][0]);
      write($(`${side}-where`), names[side][1]);
      $(side).setAttribute("aria-label", names[side].join(", "));
    }
    write($("pictures-note"), names.note);
  }

  // A picture of the comparison beside its original.
  compared(picture) {
    this.#drawn = {};
    write($("original-title"), text.PICTURES.loopback.original[0]);
    write($("decoded-title"), text.shortName(picture.name));
    write($("original-facts"), text.frameOf(picture.frame));
    write($("decoded-facts"), text.EQUAL.looked(picture));
  }
}
