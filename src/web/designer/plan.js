// The plan that is drawn, as plain values that are never changed in place: sections of rows of seats, areas, categories and the stage. Every part
// has an `id` of this page's own, so that a selection outlives a change. It is read from, and written in, Turnstile's format for auditoriums.

/** From the middle of a seat to that of its neighbour, as the server places seats that say nothing. */
export const SEAT_PITCH = 50;
/** From a row to the one behind it. */
export const ROW_PITCH = 90;
/** Colours of new categories, told apart by people who see few colours. */
export const COLOURS = ["#c08a1e", "#3f8f5f", "#c8553d", "#7d5ba6", "#2a8c9a", "#b5467a", "#5b7fb8", "#7a7268"];

let last = 0;
/** An id that no other part of the page has. */
export function fresh() {
  last += 1;
  return last;
}

/** A house without anything but its stage. */
export function empty(name) {
  return { name, focalPoint: { x: 0, y: -200 }, categories: [], sections: [], areas: [] };
}

/** The document of a plan in the canonical form, in which every seat has its position. */
export function read(plan) {
  return {
    name: plan.name,
    focalPoint: plan.focalPoint ?? null,
    categories: (plan.categories ?? []).map((category, place) => ({
      id: fresh(), key: category.key, name: category.name ?? category.key, colour: category.colour ?? COLOURS[place % COLOURS.length],
    })),
    sections: (plan.sections ?? []).map((section) => ({
      id: fresh(), name: section.name, rows: section.rows.map((row) => readRow(row, section)),
    })),
    areas: (plan.areas ?? []).map((area) => ({ id: fresh(), category: null, ...area })),
  };
}
function readRow(row, section) {
  let adjacency = 0;
  const seats = row.seats.map((seat) => {
    adjacency = seat.adjacency ?? adjacency + 1;
    const category = seat.category ?? row.category ?? section.category ?? null;
    return { kind: "standard", ...seat, id: fresh(), adjacency, category };
  });
  return { id: fresh(), label: row.label, seats };
}

/** The plan of a document, as the server reads it. */
export function write(plan) {
  const written = { name: plan.name };
  if (plan.focalPoint) written.focalPoint = point(plan.focalPoint);
  if (plan.categories.length) written.categories = plan.categories.map(({ key, name, colour }) => ({ key, name: name || key, colour }));
  written.sections = plan.sections.filter((section) => section.rows.length).map((section) => ({
    name: section.name, rows: section.rows.map((row) => ({ label: row.label, seats: row.seats.map(writeSeat) })),
  }));
  if (plan.areas.length) written.areas = plan.areas.map(writeArea);
  return written;
}
function writeSeat(seat) {
  const written = { label: seat.label, ...point(seat), adjacency: seat.adjacency };
  if (seat.category) written.category = seat.category;
  if (seat.kind !== "standard") written.kind = seat.kind;
  if (seat.kind === "companion" && seat.companionOf) written.companionOf = seat.companionOf;
  if (seat.note) written.note = seat.note;
  if (seat.guid) written.guid = seat.guid;
  return written;
}
function writeArea({ label, capacity, category, x, y, width, height }) {
  const written = { label, capacity };
  if (category) written.category = category;
  if (x !== undefined && width !== undefined) Object.assign(written, point({ x, y }), { width: rounded(width), height: rounded(height) });
  return written;
}
function rounded(number) {
  return Math.round(number * 100) / 100;
}
function point({ x, y }) {
  return { x: rounded(x), y: rounded(y) };
}

const indexes = new WeakMap();
const sectionParts = new WeakMap();
/** The parts of a section by id: made once, since changes share the sections that they leave alone. */
function partsOf(section) {
  let found = sectionParts.get(section);
  if (found) return found;
  found = new Map([[section.id, { kind: "section", part: section }]]);
  for (const row of section.rows) {
    found.set(row.id, { kind: "row", part: row, section });
    for (const seat of row.seats) found.set(seat.id, { kind: "seat", part: seat, row, section });
  }
  sectionParts.set(section, found);
  return found;
}
class Index {
  constructor({ sections, areas, categories }) {
    this.sections = sections;
    this.others = new Map();
    for (const part of areas) this.others.set(part.id, { kind: "area", part });
    for (const part of categories) this.others.set(part.id, { kind: "category", part });
    this.latest = new Map();
  }
  get(id) {
    // Parts that are looked up one after the other are mostly of one section.
    const found = this.others.get(id) ?? this.latest.get(id);
    if (found) return found;
    for (const section of this.sections) {
      const parts = partsOf(section);
      if (!parts.has(id)) continue;
      this.latest = parts;
      return parts.get(id);
    }
    return undefined;
  }
  has(id) {
    return this.get(id) !== undefined;
  }
}
/** Where each part of a document is: `get(id)` has `{kind, part, row, section}`. */
export function index(plan) {
  if (!indexes.has(plan)) indexes.set(plan, new Index(plan));
  return indexes.get(plan);
}

/** All seats, in order. */
export function* seats(plan) {
  for (const section of plan.sections) for (const row of section.rows) yield* row.seats;
}
const sectionCounts = new WeakMap();
function countsOf(section) {
  if (!sectionCounts.has(section)) {
    const counts = new Map();
    for (const row of section.rows) for (const { category } of row.seats) counts.set(category, (counts.get(category) ?? 0) + 1);
    sectionCounts.set(section, counts);
  }
  return sectionCounts.get(section);
}
/** Places of each category, by its key; those without one by null. */
export function placesByCategory(plan) {
  const counts = new Map();
  const add = (category, places) => counts.set(category, (counts.get(category) ?? 0) + places);
  for (const section of plan.sections) for (const [category, places] of countsOf(section)) add(category, places);
  for (const { category, capacity } of plan.areas) add(category, capacity);
  return counts;
}
/** Number of seats, and of places in areas. */
export function size(plan) {
  let count = 0;
  for (const section of plan.sections) for (const row of section.rows) count += row.seats.length;
  return { seats: count, places: plan.areas.reduce((sum, area) => sum + (area.capacity || 0), 0) };
}

/** The smallest rectangle around the middles of seats, and around areas. Of nothing, its left is at infinity. */
export function around(parts) {
  let [left, top, right, bottom] = [Infinity, Infinity, -Infinity, -Infinity];
  for (const { x, y, width = 0, height = 0 } of parts) {
    left = Math.min(left, x); right = Math.max(right, x + width);
    top = Math.min(top, y); bottom = Math.max(bottom, y + height);
  }
  return { left, top, right, bottom };
}
/** A rectangle that is larger on each side. */
export function wider({ left, top, right, bottom }, by) {
  return { left: left - by, top: top - by, right: right + by, bottom: bottom + by };
}
/** The smallest rectangle around several. */
export function together(...boxes) {
  const side = (name, extreme) => extreme(...boxes.map((one) => one[name]));
  return { left: side("left", Math.min), top: side("top", Math.min), right: side("right", Math.max), bottom: side("bottom", Math.max) };
}
/** The smallest rectangle around all that is drawn, and the stage. */
export function bounds(plan) {
  const drawn = together(wider(around(seats(plan)), SEAT_PITCH), around(plan.areas.filter((area) => area.width !== undefined)),
    wider(around(plan.focalPoint ? [plan.focalPoint] : []), 120));
  return drawn.left === Infinity ? { left: -800, top: -300, right: 800, bottom: 900 } : drawn;
}
