// The buttons under the picture: camera, microphone, recording, leaving. What is on or off the server says.

import { $, append, showToggle } from "../shared/page.js";
import { fileLine } from "../words/text.js";

export class Actions {
  #send;
  #on = { camera: true, microphone: null, record: false };
  #link;

  // send(message) to the server; onleave() and onagain(); link(name) gives the address of a recording.
  constructor(send, { onleave, onagain, link }) {
    this.#send = send;
    this.#link = link;
    for (const what of ["camera", "microphone", "record"]) $(what).addEventListener("click", () => this.toggle(what));
    $("leave").addEventListener("click", onleave);
    $("again").addEventListener("click", onagain);
    for (const what of ["camera", "record"]) showToggle($(what), what, this.#on[what]);
  }

  get cameraOff() {
    return this.#on.camera === false;
  }

  toggle(what) {
    if ($(what).hidden || $(what).disabled) return;
    const on = !this.#on[what];
    this.#send(what === "record" ? { type: "record", on } : { type: "set", [what]: on });
  }

  // Follow the server's state.
  follow({ camera = true, microphone = null, recording = null, trouble = null }) {
    this.#on = { camera, microphone, record: Boolean(recording?.on) };
    showToggle($("camera"), "camera", camera);
    $("microphone").hidden = microphone === null;
    if (microphone !== null) showToggle($("microphone"), "microphone", microphone);
    $("record").hidden = recording === null;
    showToggle($("record"), "record", this.#on.record);
    this.#list(recording?.files ?? [], trouble ?? "");
  }

  left(gone) {
    for (const button of document.querySelectorAll(".action:not(.again)")) button.classList.toggle("away", gone);
    $("again").hidden = !gone;
  }

  // The files there are, and why the last recording ended by itself.
  #list(files, trouble) {
    $("recordings").hidden = files.length === 0 && !this.#on.record && !trouble;
    if ($("record-note").textContent !== trouble) $("record-note").textContent = trouble;
    const shown = files.map(({ name, bytes }) => `${name} ${bytes}`).join();
    if ($("recorded").dataset.shown === shown) return;
    $("recorded").dataset.shown = shown;
    $("recorded").replaceChildren();
    for (const { name, bytes } of files) {
      const link = append(append($("recorded"), "li"), "a");
      link.href = this.#link(name);
      link.download = name;
      link.textContent = fileLine(name, bytes);
    }
  }
}
