// The map of the board: the buyers' seat map, where every place can be chosen, with who has it as an overlay.

import "../seat_map/element.js";
import { element, say } from "../lib/dom.js";
import { mark } from "../seat_map/marking.js";
import { colourOf } from "../seat_map/palette.js";

/** Most places that are chosen at once: as many as one block takes. */
const MOST_CHOSEN = 1000;
const KINDS = ["blocked", "channel", "sold", "held"];

/** `on` is told `layout(layout)`, `sequence(sequence, terms)`, `state(name, text)` and `failed(refusal)`. */
export class BoardMap {
  constructor(home, board, on) {
    Object.assign(this, { home, board, on, map: null, marks: null });
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.colour());
  }

  open(id) {
    this.map?.remove();
    const map = element("seat-map");
    for (const [name, value] of Object.entries({ showtime: id, choose: "any", drag: "select", max: MOST_CHOSEN, "no-legend": "" })) map.setAttribute(name, value);
    const listen = (name, then) => map.addEventListener(name, (event) => { if (map === this.map) then(event.detail); });
    // Told again once the names and colours of categories are known.
    listen("loaded", () => { this.on.layout({ ...map.layout, categories: map.model.categories }); this.colour(); });
    listen("change", ({ sequence, listing }) => this.on.sequence(sequence, listing));
    listen("status", ({ state, text }) => this.on.state(state, text));
    listen("failed", (refusal) => this.on.failed(refusal));
    listen("seats-chosen", ({ seatIds, areas, isCut }) => this.chose(seatIds, areas, isCut));
    this.map = map;
    this.home.dataset.past = "false";
    this.home.replaceChildren(map);
  }
  chose(ids, areas, isCut) {
    const { board } = this;
    board.chosen = ids.map((id) => board.house.find(id));
    board.areas = areas;
    say(document.getElementById("told"), isCut ? `At most ${MOST_CHOSEN} places can be chosen at once.` : "");
    board.tell("choice");
  }

  /** Names and colours of the categories that places have; none in a house without categories. */
  legend() {
    const { model, palette } = this.map;
    const used = new Set([...model.category, ...model.areas.map((area) => area.category)]);
    const lines = model.categories.map(({ name }, place) => ({ name, colour: colourOf(palette, model.categories, place), isUsed: used.has(place) })).filter((line) => line.isUsed);
    return lines.length && used.has(-1) ? [...lines, { name: "without a category", colour: palette.free }] : lines;
  }

  clear() {
    this.map?.clear();
  }
  choose(places) {
    const { house } = this.board;
    const ids = places.map((place) => house.id(place));
    this.map.clear();
    this.map.choose(ids);
    this.map.show(ids);
  }

  /** The house as it stood, from the seats of a showtime's past. */
  showPast(seats) {
    // A seat that was not there yet is nobody's.
    const codes = new Uint8Array(this.board.house.count).fill(2);
    const codeOf = { Available: 0, Reserved: 1, Sold: 2, Blocked: 1 };
    for (const { seatId, status } of seats) codes[this.board.house.find(seatId)] = codeOf[status];
    this.home.dataset.past = "true";
    const blocked = { colour: getComputedStyle(this.home).getPropertyValue("--board-blocked").trim() || undefined, title: "blocked" };
    mark(this.map, seats.filter(({ status }) => status === "Blocked").map(({ seatId }) => [seatId, blocked]), true);
    this.map.statuses = codes;
  }
  showNow() {
    this.home.dataset.past = "false";
    if (!this.map) return;
    this.map.statuses = null;
    this.colour();
  }

  /** Shows who has these places, or, without any, who has which. */
  colour(places) {
    const { story, house, viewing } = this.board;
    if (!story || !house || viewing !== "now" || !this.map?.statuses) return;
    const marked = (place) => [house.id(place), this.marks[kindOf(story.holder(place))] ?? null];
    if (places) { mark(this.map, [...places].map(marked), false); return; }
    const style = getComputedStyle(this.home);
    // All places of a kind share one mark; its words are asked for when they are read.
    const title = (id) => words(this.board.house, this.board.story?.holder(house.find(id)));
    this.marks = Object.fromEntries(KINDS.map((kind) => [kind, { colour: style.getPropertyValue("--board-" + kind).trim() || undefined, title }]));
    mark(this.map, [...story.holders.keys()].map(marked), true);
  }
}

/** What a booking is on the map; null if there is none. */
function kindOf(booking) {
  if (!booking) return null;
  if (booking.isBlock) return booking.channel ? "channel" : "blocked";
  return booking.status === "Confirmed" ? "sold" : "held";
}
function words(house, booking) {
  if (!house || !booking) return "";
  const until = booking.until && booking.status === "Pending" ? " until " + house.time(booking.until, { timeStyle: "medium" }) : "";
  if (booking.isBlock) return `blocked (${booking.type})${booking.channel ? " for " + booking.channel : ""}${booking.until ? " until " + house.time(booking.until, { dateStyle: "short", timeStyle: "short" }) : ""}`;
  return booking.status === "Confirmed" ? `sold to ${booking.user}` : `held by ${booking.user}${until}`;
}
