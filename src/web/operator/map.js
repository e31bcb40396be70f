// The map of the board: the buyers' seat map, where every place can be chosen, with who has it as an overlay.

import "../seat_map/element.js";
import { element, say } from "../lib/dom.js";

/** Most places that are chosen at once: as many as one block takes. */
const MOST_CHOSEN = 1000;
/** Up to so many bookings each has words of its own on the map; beyond, only what kind it is. */
const MOST_TITLES = 2000;
/** The overlay is made anew at most so often. */
const REST_MILLISECONDS = 200;

/** `on` is told `layout(layout)`, `sequence(sequence, terms)`, `state(name, text)` and `failed(refusal)`. */
export class BoardMap {
  constructor(home, board, on) {
    Object.assign(this, { home, board, on, map: null, timer: 0 });
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
    const codes = new Uint8Array(this.board.house.count);
    for (const { seatId, status } of seats) codes[this.board.house.find(seatId)] = ["Available", "Reserved", "Sold"].indexOf(status);
    this.home.dataset.past = "true";
    this.map.mark([]);
    this.map.statuses = codes;
  }
  showNow() {
    this.home.dataset.past = "false";
    if (!this.map) return;
    this.map.statuses = null;
    this.colour();
  }

  /** Shows who has which place, soon. */
  colour() {
    this.timer ||= setTimeout(() => { this.timer = 0; this.paint(); }, REST_MILLISECONDS);
  }
  paint() {
    const { story, house, viewing } = this.board;
    if (!story || !house || viewing !== "now" || !this.map?.states) return;
    const style = getComputedStyle(this.home);
    const colours = Object.fromEntries(["blocked", "channel"].map((name) => [name, style.getPropertyValue("--board-" + name).trim()]));
    const entries = [];
    const live = [...story.bookings.values()].filter((booking) => booking.places.size);
    for (const booking of live) {
      const kind = kindOf(booking);
      const marking = { colour: colours[kind], title: booking.isBlock || live.length <= MOST_TITLES ? words(house, booking) : kind };
      for (const place of booking.places.keys()) entries.push([house.id(place), marking]);
    }
    this.map.mark(entries);
  }
}

/** What a booking is on the map. */
function kindOf(booking) {
  if (booking.isBlock) return booking.channel ? "channel" : "blocked";
  return booking.status === "Confirmed" ? "sold" : "held";
}
function words(house, booking) {
  const until = booking.until && booking.status === "Pending" ? " until " + house.time(booking.until, { timeStyle: "medium" }) : "";
  if (booking.isBlock) return `blocked (${booking.type})${booking.channel ? " for " + booking.channel : ""}${booking.until ? " until " + house.time(booking.until, { dateStyle: "short", timeStyle: "short" }) : ""}`;
  return booking.status === "Confirmed" ? `sold to ${booking.user}` : `held by ${booking.user}${until}`;
}
