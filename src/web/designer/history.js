// Undo and redo: the documents before and after, which share all that did not change.

/** Steps that can be taken back. */
const MOST = 200;

/** The history of a document; `on` is called when another one is there. */
export class History {
  constructor(document, on) {
    Object.assign(this, { document, on, past: [], future: [], merging: null });
  }

  /** Another document by a change that is called `name`. Changes with the same `merge` in a row, such as the moves of a drag, are one step. */
  change(document, name, merge = null) {
    if (document === this.document) return;
    const joins = merge !== null && merge === this.merging;
    if (!joins) this.past.push({ document: this.document, name });
    if (this.past.length > MOST) this.past.shift();
    this.future = [];
    this.merging = merge;
    this.show(document);
  }
  /** The drag is over: what follows is another step. */
  settle() {
    this.merging = null;
  }
  /** A document without a past: another one was opened. */
  begin(document) {
    Object.assign(this, { past: [], future: [], merging: null });
    this.show(document);
  }

  undo() {
    const step = this.past.pop();
    if (!step) return;
    this.future.push({ document: this.document, name: step.name });
    this.merging = null;
    this.show(step.document);
  }
  redo() {
    const step = this.future.pop();
    if (!step) return;
    this.past.push({ document: this.document, name: step.name });
    this.merging = null;
    this.show(step.document);
  }
  /** What undo would take back, and redo bring again; null if there is none. */
  get names() {
    return { undo: this.past.at(-1)?.name ?? null, redo: this.future.at(-1)?.name ?? null };
  }

  show(document) {
    this.document = document;
    this.on(document);
  }
}
