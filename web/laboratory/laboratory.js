// The laboratory: the viewer, the comparison, the charts, pause and export.

import { Charts, COLUMNS, SPAN, row } from "./charts.js";
import { Comparison } from "./comparison.js";
import { FrameTable } from "./frames.js";
import { csv, fileName, snapshot } from "./export.js";
import { keep } from "./keep.js";
import { $, save, showToggle } from "../shared/page.js";
import { Store } from "./store.js";
import { Viewer } from "./viewer.js";
import { snapshotLines } from "../words/text.js";

const now = () => performance.now() / 1000;

export class Laboratory {
  #store = new Store(COLUMNS, SPAN);
  #charts = new Charts($("charts"), $("pointed"), () => this.#listFrames());
  #frames = new FrameTable($("charts"), SPAN);
  #drawnAt = now();
  #viewer = new Viewer($("viewer"), [$("viewer"), $("equal")]);
  #comparison;
  #stage;
  #paused = false;
  #open = false;
  #frozen = null;
  #stats = null;
  #latest = null;
  #subject = null;
  #putBack = () => {};
  #paired = true;
  #onlook;
  #compares = true;

  // stage: what draws the live pictures; address() gives the comparison's WebSocket; onlook(picture) is told what the
  // viewer shows: {name, ...} of a comparison, or null for the live pictures.
  constructor(stage, address, onlook) {
    this.#stage = stage;
    this.#onlook = onlook;
    this.#comparison = new Comparison(
      address,
      (comparison) => this.#compared(comparison),
      (name) => this.#look(name === this.#subject ? null : name),
    );
    $("pause").addEventListener("click", () => this.pause());
    $("csv").addEventListener("click", () => this.#saveCsv());
    $("png").addEventListener("click", () => this.#savePng());
    showToggle($("pause"), "pause", false);
  }

  // Whether the server compares codecs for this page.
  set compares(compares) {
    this.#compares = compares;
    if (!compares) this.#comparison.close();
  }

  get paused() {
    return this.#paused;
  }

  // Whether both live pictures show one frame.
  set paired(paired) {
    this.#paired = paired;
    this.#viewer.paired = paired || this.looking;
  }

  // Whether the viewer shows a picture of the comparison.
  get looking() {
    return this.#subject !== null;
  }

  show(open) {
    this.#open = open;
    if (open && !document.hidden) this.#compare();
    else this.#comparison.close();
    if (!open && this.#paused) this.pause();
    if (!open) this.#look(null);
  }

  measure(stats, shown) {
    this.#stats = stats;
    this.#store.push(now(), row(stats, shown));
    this.#frames.push(stats.frames ?? [], now());
  }

  // Nothing is known from here until the next figures.
  gap() {
    this.#store.gap(now());
  }

  drawn() {
    if (this.#open) this.#viewer.drawn();
  }

  tick() {
    if (this.#open && !this.#paused) this.#draw();
  }

  #draw() {
    this.#drawnAt = now();
    this.#charts.draw(this.#store, this.#drawnAt);
    this.#listFrames();
  }

  #listFrames() {
    this.#frames?.draw(this.#drawnAt + (this.#charts.at ?? 0));
  }

  pause() {
    if (!this.#open && !this.#paused) return;
    if (!this.#paused) for (let half = 0; half < 2; half++) this.#draw(); // all of them stand at one moment
    this.#paused = !this.#paused;
    this.#hold();
    this.#frozen = this.#paused ? this.#store.table(COLUMNS, now()) : null;
    showToggle($("pause"), "pause", this.#paused);
    if (this.#paused) this.#comparison.close();
    else if (this.#open) this.#compare();
  }

  #compare() {
    if (this.#compares) this.#comparison.open();
  }

  #hold() {
    this.#stage.held = this.#paused || this.#subject !== null;
  }

  // Show one picture of the comparison large beside its original, or the live ones again.
  #look(name) {
    if (name === this.#subject) return;
    if (this.#subject === null) this.#putBack = keep(); // in a pause nothing else brings the live pictures back
    this.#subject = name;
    this.#comparison.mark(name);
    this.#hold();
    this.#viewer.paired = this.#paired || this.looking;
    if (name !== null) this.#compared(this.#latest);
    else {
      this.#onlook(null);
      this.#putBack();
      this.drawn();
    }
  }

  #compared(comparison) {
    this.#latest = comparison;
    const { frame, pictures } = comparison;
    const [original, picture] = [pictures.get("original"), pictures.get(this.#subject)];
    if (!original || !picture) return;
    for (const [id, { canvas: from }] of [["original", original], ["decoded", picture]]) {
      const to = $(id);
      if (to.width !== from.width || to.height !== from.height) [to.width, to.height] = [from.width, from.height];
      to.getContext("2d", { alpha: false }).drawImage(from, 0, 0);
      to.dataset.frame = frame;
    }
    this.#onlook({ frame, ...picture });
    this.drawn();
  }

  nextMode() {
    if (this.#open) this.#viewer.nextMode();
  }

  zoom(step) {
    if (this.#open) this.#viewer.nextZoom(step);
  }

  #saveCsv() {
    const table = this.#frozen ?? this.#store.table(COLUMNS, now());
    const used = table.slice(1).map((column) => column.some((value) => value !== null));
    const columns = table.slice(1).filter((_, i) => used[i]);
    const text = csv(COLUMNS.filter((_, i) => used[i]), [table[0], ...columns]);
    save(new Blob([text], { type: "text/csv" }), fileName("figures", "csv"));
  }

  async #savePng() {
    if (this.#viewer.mode === "difference") this.#viewer.drawDifference();
    const live = ["original", "decoded"].map((side) => [$(side), $(side).getAttribute("aria-label")]);
    if (this.#viewer.mode === "difference") live.push([$("difference"), $("difference").getAttribute("aria-label")]);
    const lines = snapshotLines(this.#stats ?? { sent: {}, received: {} }, this.#latest);
    save(await snapshot(live, lines), fileName("snapshot", "png"));
  }
}
