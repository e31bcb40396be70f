// The editor: the document with its history, what is chosen, the tool, and the view. Whoever shows any of it listens to `change`.

import { History } from "./history.js";
import { View } from "./view.js";
import { around, bounds, empty, index, wider } from "./plan.js";

export class Editor extends EventTarget {
  constructor() {
    super();
    this.view = new View();
    this.chosen = new Set();
    Object.assign(this, { tool: "choose", category: null, heat: false, trace: null, ghost: null, marquee: null, shift: null, wish: null });
    this.known = {};
    this.history = new History(empty("New house"), () => this.drawnAnew());
  }

  get plan() {
    return this.history.document;
  }
  /** Another document by a change called `name`. What is chosen and still there stays chosen. */
  change(plan, name, merge) {
    this.history.change(plan, name, merge);
  }
  /** Another house. */
  begin(plan) {
    this.chosen = new Set();
    this.history.begin(plan);
    this.fit();
  }
  drawnAnew() {
    const { sections, areas } = this.plan;
    const there = index(this.plan);
    const isShared = this.known.sections === sections && this.known.areas === areas;
    const left = isShared ? [...this.chosen] : [...this.chosen].filter((id) => there.has(id));
    if (left.length !== this.chosen.size) this.chosen = new Set(left);
    if (this.category && !this.plan.categories.some((category) => category.key === this.category)) this.category = null;
    this.tell();
  }
  tell() {
    this.dispatchEvent(new Event("change"));
  }
  /** Only what is drawn is another. */
  redraw() {
    this.dispatchEvent(new Event("draw"));
  }

  /** Chooses these seats and areas; with `how`, besides (`add`) or instead of what is chosen, or `toggle` each. */
  choose(ids, how = "only") {
    if (how === "only") this.chosen = new Set(ids);
    else if (how === "add") this.chosen = new Set([...this.chosen, ...ids]);
    else {
      const chosen = new Set(this.chosen);
      for (const id of ids) if (!chosen.delete(id)) chosen.add(id);
      this.chosen = chosen;
    }
    this.tell();
  }
  /** Rows and sections that have a chosen seat, and the chosen seats and areas: the same object until another is chosen or these are changed. */
  get selection() {
    const { sections, areas } = this.plan;
    const { chosen } = this;
    const isKnown = this.known.sections === sections && this.known.areas === areas && this.known.chosen === chosen;
    if (!isKnown) this.known = { sections, areas, chosen, selection: this.select() };
    return this.known.selection;
  }
  select() {
    const there = index(this.plan);
    const selection = { seats: [], rows: new Set(), sections: new Set(), areas: [] };
    for (const id of this.chosen) {
      const found = there.get(id);
      if (found?.kind === "area") selection.areas.push(found.part);
      if (found?.kind !== "seat") continue;
      selection.seats.push(found.part);
      selection.rows.add(found.row);
      selection.sections.add(found.section);
    }
    return selection;
  }

  use(tool) {
    Object.assign(this, { tool, ghost: null, marquee: null });
    // The brush paints what it touches, not what was chosen before.
    if (tool === "brush") this.chosen = new Set();
    this.tell();
  }
  fit() {
    this.view.fit(bounds(this.plan));
    this.redraw();
  }
  /** Shows these parts in the middle, and chooses them. */
  show(ids) {
    const there = index(this.plan);
    const parts = ids.map((id) => there.get(id)?.part).filter(Boolean);
    if (parts.length) this.view.fit(wider(around(parts), 150), 0.8);
    this.choose(ids);
  }
}
