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
/** Where each part of a document is: `{kind, part, row, section}` by id. */
export function index(plan) {
  let found = indexes.get(plan);
  if (found) return found;
  found = new Map();
  for (const section of plan.sections) {
    found.set(section.id, { kind: "section", part: section });
    for (const row of section.rows) {
      found.set(row.id, { kind: "row", part: row, section });
      for (const seat of row.seats) found.set(seat.id, { kind: "seat", part: seat, row, section });
    }
  }
  for (const area of plan.areas) found.set(area.id, { kind: "area", part: area });
  for (const category of plan.categories) found.set(category.id, { kind: "category", part: category });
  indexes.set(plan, found);
  return found;
}

/** All seats, in order. */
export function* seats(plan) {
  for (const section of plan.sections) for (const row of section.rows) yield* row.seats;
}
/** Number of seats, and of places in areas. */
export function size(plan) {
  let count = 0;
  for (const section of plan.sections) for (const row of section.rows) count += row.seats.length;
  return { seats: count, places: plan.areas.reduce((sum, area) => sum + (area.capacity || 0), 0) };
}

/** The smallest rectangle around all that is drawn, and the stage. */
export function bounds(plan) {
  let [left, top, right, bottom] = [Infinity, Infinity, -Infinity, -Infinity];
  const take = (x, y, reach) => {
    left = Math.min(left, x - reach); right = Math.max(right, x + reach);
    top = Math.min(top, y - reach); bottom = Math.max(bottom, y + reach);
  };
  for (const seat of seats(plan)) take(seat.x, seat.y, SEAT_PITCH);
  for (const area of plan.areas) {
    if (area.width === undefined) continue;
    take(area.x, area.y, 0);
    take(area.x + area.width, area.y + area.height, 0);
  }
  if (plan.focalPoint) take(plan.focalPoint.x, plan.focalPoint.y, 120);
  return left === Infinity ? { left: -800, top: -300, right: 800, bottom: 900 } : { left, top, right, bottom };
}
