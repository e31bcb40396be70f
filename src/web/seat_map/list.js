// The list: sections, rows and seats as buttons, beside the map, for keyboards and screen readers. Parts are made when they are opened.

import { element, say } from "../lib/dom.js";
import { statusOf } from "../lib/live.js";
import sheet from "./list_styles.js";

// Larger houses begin with their sections closed.
const OPEN_SEATS = 400;
// Rows of a longer section are closed, too.
const OPEN_SECTION_SEATS = 1500;
const KEYS = ["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown", "Home", "End"];

/** The list of a map's seats. */
export function listOf(map) {
  const list = new SeatList(map.parts.list, { press: (seat) => map.press(seat), words: (seat) => map.words(seat), may: (seat) => map.choosing.may(seat) });
  if (map.model) list.look(map.model, map.states, map.grid);
  return list;
}

class SeatList {
  /** `on` is asked for words about a seat, `words(seat)`, and told `press(seat)`. */
  constructor(home, on) {
    Object.assign(this, { home, on, house: null, states: null, grid: null, buttons: new Map(), heads: new Map() });
    home.getRootNode().adoptedStyleSheets.push(sheet);
    home.addEventListener("click", (event) => { const seat = this.seatOf(event.target); if (seat >= 0) on.press(seat); });
    home.addEventListener("keydown", (event) => this.key(event));
  }
  seatOf(target) {
    const found = target.closest?.("[data-seat]");
    return found ? this.house.find(found.dataset.seat) : -1;
  }

  look(house, states, grid) {
    Object.assign(this, { house, states, grid });
    this.built = false;
    if (!this.home.hidden) this.build();
  }
  show(is) {
    this.home.hidden = !is;
    if (is && !this.built && this.house) this.build();
  }

  build() {
    this.built = true;
    this.buttons.clear();
    this.heads.clear();
    this.home.replaceChildren(...this.house.sections.map((section, place) => this.section(section, place)));
  }
  section(section, place) {
    const closed = section.seats > OPEN_SECTION_SEATS;
    const rows = () => section.rows.map((index) => closed ? this.closedRow(index) : this.row(index));
    if (!section.name && this.house.sections.length === 1) return element("div", { className: "section" }, ...rows());
    const told = element("span");
    this.heads.set(place, told);
    this.head(place);
    return this.lazy(element("summary", {}, section.name || "Seats", " ", told), rows, this.house.seats <= OPEN_SEATS);
  }
  closedRow(index) {
    return this.lazy(element("summary", {}, "Row " + this.house.rows[index].label), () => [this.row(index)], false);
  }
  lazy(summary, make, isOpen) {
    const box = element("details", {}, summary);
    const fill = () => { if (box.open && box.children.length === 1) box.append(...make()); };
    box.addEventListener("toggle", fill);
    if (isOpen) { box.open = true; fill(); }
    return box;
  }
  row(index) {
    const row = this.house.rows[index];
    const seats = Array.from({ length: row.seats }, (_, place) => this.button(row.first + place));
    const made = element("div", { className: "row", aria: { label: "Row " + row.label } }, element("span", { aria: { hidden: "true" } }, row.label), ...seats);
    made.setAttribute("role", "group");
    return made;
  }
  button(seat) {
    const made = element("button", { type: "button", className: "seat", tabIndex: this.buttons.size ? -1 : 0, data: { seat: this.house.id(seat) } }, this.house.label(seat));
    made.part = "seat";
    this.buttons.set(seat, made);
    this.paint(seat);
    return made;
  }

  paint(seat) {
    const made = this.buttons.get(seat);
    if (!made) return;
    const look = this.states.look(seat);
    made.dataset.status = statusOf(this.states.codes[seat]);
    made.dataset.chosen = String(look === 3);
    made.dataset.mine = String(look === 4);
    made.setAttribute("aria-pressed", String(look === 3));
    made.setAttribute("aria-disabled", String(!this.on.may(seat)));
    made.setAttribute("aria-label", this.on.words(seat));
  }
  head(section) {
    const told = this.heads.get(section);
    const free = this.states.freeIn(section);
    if (told) say(told, free ? free.toLocaleString() + " of " + this.house.sections[section].seats.toLocaleString() + " free" : "sold out");
  }
  changed(seats) {
    if (!this.built) return;
    const sections = new Set();
    for (const seat of seats) {
      this.paint(seat);
      if (this.house.isSeat(seat)) sections.add(this.house.rowOf(seat).section);
    }
    for (const section of sections) this.head(section);
  }
  changedAll() {
    if (!this.built) return;
    for (const seat of this.buttons.keys()) this.paint(seat);
    for (const section of this.heads.keys()) this.head(section);
  }

  key(event) {
    const from = this.seatOf(event.target);
    if (from < 0 || !KEYS.includes(event.key)) return;
    event.preventDefault();
    const to = this.buttons.get(this.grid.next(from, event.key));
    if (!to) return;
    for (const one of this.home.querySelectorAll('.seat[tabindex="0"]')) one.tabIndex = -1;
    to.tabIndex = 0;
    to.focus();
  }
}
