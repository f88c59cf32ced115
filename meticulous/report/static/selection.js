// Which runs are drawn: those that the search finds, that are ticked, and that a brush has caught.

export class Selection {
  constructor(count) {
    this.count = count;
    this.found = new Set(Array.from({ length: count }, (_, run) => run));
    this.off = new Set();
    this.brushes = new Map();
    this.listeners = [];
  }

  /** Whether the run number `run` is drawn. */
  has(run) {
    if (!this.found.has(run) || this.off.has(run)) return false;
    for (const caught of this.brushes.values()) if (!caught.has(run)) return false;
    return true;
  }

  get drawn() {
    return Array.from({ length: this.count }, (_, run) => run).filter((run) => this.has(run));
  }

  /** Say that only the runs in `caught` are wanted by what is called `name`; null takes that back. */
  brush(name, caught) {
    if (caught === null) this.brushes.delete(name);
    else this.brushes.set(name, caught);
    this.tell();
  }

  listen(listener) {
    this.listeners.push(listener);
  }

  tell() {
    for (const listener of this.listeners) listener();
  }
}
