// A rolling window of measurements: the charts' memory.
//
// Rows are columns of numbers on the page's own clock, so that the history outlives a server that was restarted.
// A null is a hole: a chart breaks its line there. Each change is announced by a "change" event.

export class Store extends EventTarget {
  #names;
  #span;
  #times = [];
  #columns;

  // names: the columns; span: seconds to remember.
  constructor(names, span) {
    super();
    this.#names = names;
    this.#span = span;
    this.#columns = new Map(names.map((name) => [name, []]));
  }

  get length() {
    return this.#times.length;
  }

  // Add one row at `time` in seconds; a column that `row` does not name, or no number, becomes a hole.
  push(time, row) {
    this.#append(time, row);
    this.#forget(time - this.#span);
    this.dispatchEvent(new Event("change"));
  }

  // Break every line here: nothing is known from `time` until the next row.
  gap(time) {
    if (this.#times.length > 0) this.push(time, {});
  }

  // [times relative to `now`, column, column ...], the shape that a chart draws.
  table(names, now) {
    return [this.#times.map((time) => time - now), ...names.map((name) => this.#columns.get(name).slice())];
  }

  #append(time, row) {
    const last = this.#times.at(-1) ?? -Infinity;
    this.#times.push(Math.max(time, last));
    for (const name of this.#names) {
      const value = row[name];
      this.#columns.get(name).push(Number.isFinite(value) ? value : null);
    }
  }

  #forget(before) {
    // One row older than the window stays: its line enters the chart from the left edge.
    const stale = this.#times.findIndex((time) => time >= before) - 1;
    if (stale <= 0) return;
    this.#times.splice(0, stale);
    for (const column of this.#columns.values()) column.splice(0, stale);
  }
}
