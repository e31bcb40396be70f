// The house: a layout as numbers. Places are in hundredths of the plan's unit, x to the right, y away from the stage, which is at 0, 0.

import { Order } from "../lib/order.js";

const SEAT_PITCH = 5000;
const ROW_PITCH = 6400;
const AREA_PITCH = 2600;

/** What a seat may be besides an ordinary one. */
export const KINDS = ["standard", "wheelchair", "companion", "restrictedView"];
const KIND_WORDS = { wheelchair: "wheelchair place", companion: "companion's seat", restrictedView: "restricted view" };

/** A list of numbers, or a first one and a step. */
function numbers(given, count, from, step) {
  if (Array.isArray(given)) return given;
  const { from: first, step: each } = given ?? { from, step };
  return Array.from({ length: count }, (_, place) => first + place * each);
}

/**
 * The house of a layout, as `/api/showtimes/{id}/layout` gives it. For each seat, by its place in the order of the rows: `x`, `y`,
 * `size`, `row` (place in `rows`), `category` (place in `categories`) and `kind` (place in KINDS). Rows know their seats
 * by `first` and `seats`, sections theirs by `rows`. Places of areas are not among the seats on the map: `areas` has them.
 */
export class House {
  constructor(layout) {
    this.prefix = layout.seatIdPrefix ?? "";
    this.order = new Order(layout.rows);
    this.count = this.order.count;
    this.x = new Float32Array(this.count);
    this.y = new Float32Array(this.count);
    this.size = new Float32Array(this.count);
    this.row = new Uint32Array(this.count);
    this.category = new Int16Array(this.count).fill(-1);
    this.kind = new Uint8Array(this.count);
    this.notes = new Map();
    this.companions = new Map();
    this.rows = [];
    this.sections = [];
    this.areas = [];
    this.categories = (layout.categories ?? []).map(({ key, name, colour }) => ({ key, name: name ?? key, colour }));
    let first = 0;
    let line = 0;
    for (const row of layout.rows) {
      if (row.area) this.addArea(row, first);
      else { this.addRow(row, first, line); line += ROW_PITCH; }
      first += row.seats;
    }
    /** Seats that are drawn one by one; the places of areas follow them. */
    this.seats = this.rows.reduce((sum, row) => sum + row.seats, 0);
    this.measure();
    this.placeAreas();
    this.stage = this.placeStage(layout.focalPoint !== undefined ? layout.focalPoint : undefined);
  }

  categoryOf(key) {
    if (key === undefined || key === null) return -1;
    const found = this.categories.findIndex((category) => category.key === key);
    return found >= 0 ? found : this.categories.push({ key, name: key }) - 1;
  }

  addRow(row, first, line) {
    const count = row.seats;
    const place = this.rows.length;
    const xs = row.x === undefined ? numbers(null, count, -(count - 1) / 2 * SEAT_PITCH, SEAT_PITCH) : numbers(row.x, count);
    const ys = row.y === undefined ? numbers(null, count, line, 0) : numbers(row.y, count);
    const pitch = Math.min(this.pitchOf(xs, ys), 2 * SEAT_PITCH);
    for (let seat = 0; seat < count; seat += 1) {
      this.x[first + seat] = xs[seat];
      this.y[first + seat] = ys[seat];
      this.size[first + seat] = pitch;
      this.row[first + seat] = place;
    }
    this.addRuns(row, first);
    for (const { seat, kind, companionOf, note } of row.special ?? []) {
      this.kind[first + seat - 1] = Math.max(0, KINDS.indexOf(kind ?? "standard"));
      if (note) this.notes.set(first + seat - 1, note);
      if (companionOf) this.companions.set(first + seat - 1, first + companionOf - 1);
    }
    const name = row.section ?? "";
    let section = this.sections[this.sections.length - 1];
    if (section?.name !== name) { section = { name, rows: [], seats: 0 }; this.sections.push(section); }
    section.rows.push(place);
    section.seats += count;
    this.rows.push({ label: row.row, first, seats: count, section: this.sections.length - 1, labels: row.labels,
      aisles: new Set([].concat(row.aisleAfter ?? [])), pitch });
  }

  /** Distance of the closest neighbours of a row. */
  pitchOf(xs, ys) {
    let pitch = Infinity;
    for (let seat = 1; seat < xs.length; seat += 1) {
      const apart = Math.hypot(xs[seat] - xs[seat - 1], ys[seat] - ys[seat - 1]);
      if (apart > 0 && apart < pitch) pitch = apart;
    }
    return pitch === Infinity ? SEAT_PITCH : pitch;
  }

  addRuns(row, first) {
    let from = 0;
    for (const { to, category } of row.categories ?? []) {
      this.category.fill(this.categoryOf(category), first + from, first + to);
      from = to;
    }
  }

  addArea(row, first) {
    this.addRuns(row, first);
    const { x, y, width, height } = row.area;
    this.areas.push({ label: row.row, capacity: row.seats, first, labels: row.labels, category: this.category[first], x, y, width, height });
  }

  /** Bounds of all seats, of each section, and how far rows are apart. */
  measure() {
    const empty = () => ({ left: Infinity, top: Infinity, right: -Infinity, bottom: -Infinity });
    const wider = (box, seat) => {
      const half = this.size[seat] / 2;
      box.left = Math.min(box.left, this.x[seat] - half);
      box.right = Math.max(box.right, this.x[seat] + half);
      box.top = Math.min(box.top, this.y[seat] - half);
      box.bottom = Math.max(box.bottom, this.y[seat] + half);
    };
    this.box = empty();
    for (const section of this.sections) {
      section.box = empty();
      for (const place of section.rows) {
        const row = this.rows[place];
        for (let seat = row.first; seat < row.first + row.seats; seat += 1) wider(section.box, seat);
      }
      this.include(section.box);
    }
    this.pitch = this.rows.length ? Math.min(...this.rows.slice(0, 1000).map((row) => row.pitch)) : SEAT_PITCH;
    if (!this.rows.length) this.box = { left: -SEAT_PITCH, top: 0, right: SEAT_PITCH, bottom: SEAT_PITCH };
  }

  include(box) {
    this.box = { left: Math.min(this.box.left, box.left), top: Math.min(this.box.top, box.top),
      right: Math.max(this.box.right, box.right), bottom: Math.max(this.box.bottom, box.bottom) };
  }

  /** The rectangle around these seats, and some seats' widths more. */
  around(seats, across, down) {
    const box = { left: Infinity, top: Infinity, right: -Infinity, bottom: -Infinity };
    for (const seat of seats) {
      box.left = Math.min(box.left, this.x[seat] - across * this.pitch);
      box.right = Math.max(box.right, this.x[seat] + across * this.pitch);
      box.top = Math.min(box.top, this.y[seat] - down * this.pitch);
      box.bottom = Math.max(box.bottom, this.y[seat] + down * this.pitch);
    }
    return box;
  }

  /** Areas that nobody has drawn stand side by side behind the last row. */
  placeAreas() {
    const loose = this.areas.filter((area) => area.x === undefined || area.x === null);
    const across = Math.max(this.box.right - this.box.left, 8 * SEAT_PITCH);
    const each = Math.min(3, loose.length);
    const width = (across - (each - 1) * AREA_PITCH) / each;
    const [left, top] = [(this.box.left + this.box.right - across) / 2, this.box.bottom + SEAT_PITCH];
    loose.forEach((area, place) => {
      Object.assign(area, { x: left + (place % each) * (width + AREA_PITCH),
        y: (this.rows.length ? top : 0) + Math.floor(place / each) * 4 * SEAT_PITCH, width, height: 3.4 * SEAT_PITCH });
    });
    for (const area of this.areas) {
      area.width = area.width || 6 * SEAT_PITCH;
      area.height = area.height || 3.4 * SEAT_PITCH;
      area.box = { left: area.x, top: area.y, right: area.x + area.width, bottom: area.y + area.height };
      this.include(area.box);
    }
  }

  /** A bar in front of the first row; where people sit all around it, a field in their midst. */
  placeStage() {
    const { left, right, top } = this.box;
    const width = right - left;
    const inside = top < -3 * this.pitch;
    const middle = left < 0 && right > 0 ? 0 : (left + right) / 2;
    const stage = inside
      ? { inside, x: 0, y: 0, width: this.room() * 2, height: this.room() * 1.4 }
      : { inside, x: middle, y: Math.min(top - this.pitch * 1.3, 0), width: Math.min(width * 0.72, 40 * this.pitch), height: this.pitch * 0.8 };
    this.include({ left: stage.x - stage.width / 2, right: stage.x + stage.width / 2, top: stage.y - stage.height / 2 - this.pitch * 0.4, bottom: stage.y });
    return stage;
  }

  /** How far the nearest seat is from the stage's middle, a little less. */
  room() {
    let nearest = Infinity;
    for (let seat = 0; seat < this.seats; seat += 1) nearest = Math.min(nearest, Math.hypot(this.x[seat], this.y[seat]));
    return nearest === Infinity ? 6 * this.pitch : Math.max(nearest * 0.55, this.pitch / 2);
  }

  id(seat) { return this.prefix + this.order.index(seat).toString(16).padStart(8, "0"); }
  /** A seat's place, or -1 if the id is none of this house. */
  find(id) {
    if (typeof id !== "string" || !id.startsWith(this.prefix)) return -1;
    const seat = this.order.placeOf(id);
    return seat >= 0 && seat < this.count ? seat : -1;
  }
  isSeat(seat) { return seat >= 0 && seat < this.seats; }
  areaOf(seat) { return this.areas.find((area) => seat >= area.first && seat < area.first + area.capacity); }
  rowOf(seat) { return this.rows[this.row[seat]]; }

  /** What is printed on the seat. */
  label(seat) {
    const { labels, first } = (this.isSeat(seat) ? this.rowOf(seat) : this.areaOf(seat)) ?? { first: 0 };
    const place = seat - first;
    if (Array.isArray(labels)) return labels[place];
    return String(labels ? labels.from + place * labels.step : place + 1);
  }
  /** The seat's short name, such as `Stalls A12`, or `Standing 7`. */
  name(seat) {
    if (!this.isSeat(seat)) return (this.areaOf(seat)?.label ?? "?") + " " + this.label(seat);
    const row = this.rowOf(seat);
    const section = this.sections[row.section].name;
    return (section ? section + " " : "") + row.label + this.label(seat);
  }
  /** The seat's name in full, as it is read aloud. */
  spoken(seat) {
    const row = this.rowOf(seat);
    const section = this.sections[row.section].name;
    const kind = KIND_WORDS[KINDS[this.kind[seat]]];
    return (section ? section + ", row " : "Row ") + row.label + ", seat " + this.label(seat) + (kind ? ", " + kind : "") +
      (this.notes.has(seat) ? ", " + this.notes.get(seat) : "");
  }
}
