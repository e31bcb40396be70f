// Choosing: what may be chosen on the map, one by one or by dragging, and what is lost to somebody else.

import { FREE } from "./states.js";

const MOST_NAMES = 4;

export class Choosing {
  constructor(map) {
    this.map = map;
    /** Seats that a reservation under way has asked for: their change is its own. */
    this.underWay = new Set();
  }
  get states() { return this.map.states; }

  /** How many places more may be chosen. */
  room() {
    const wanted = this.map.areas.reduce((sum, { quantity }) => sum + quantity, 0);
    return Math.max(0, this.map.max - this.states.chosen.size - wanted);
  }
  may(seat) {
    return !this.map.isReadonly && (this.map.chooses("any") || this.states.codes[seat] === FREE);
  }
  tell(isCut = false) {
    const { chosen: seatIds, areas } = this.map;
    this.map.tell("seats-chosen", { seatIds, areas, count: seatIds.length + areas.reduce((sum, { quantity }) => sum + quantity, 0), isCut });
  }
  /** These are chosen, or not. Those that changed. */
  set(seats, is) {
    const set = seats.filter((seat) => this.states.chosen.has(seat) !== is);
    for (const seat of set) this.states.choose(seat, is);
    this.map.repaintSeats(set);
    return set;
  }

  press(seat) {
    const { map } = this;
    if (!this.may(seat)) {
      map.announce(map.words(seat));
      map.tell("seat-pressed", { seatId: map.model.id(seat) });
      return;
    }
    const is = !this.states.chosen.has(seat);
    const isCut = is && this.room() < 1;
    if (!isCut) this.set([seat], is);
    map.announce(isCut ? "At most " + map.max + " places can be chosen at once." : map.words(seat));
    this.tell(isCut);
  }
  mayLasso(seat, shift) {
    const { map } = this;
    return !map.isReadonly && map.max > 1 && (shift || map.getAttribute("drag") === "select" || (seat >= 0 && this.may(seat)));
  }
  /** Chooses the seats in a box, as far as there is room. Over nothing but chosen seats, the same movement gives them up. */
  within(box) {
    const inside = this.map.grid.inside(box).filter((seat) => this.may(seat));
    const others = inside.filter((seat) => !this.states.chosen.has(seat));
    const is = others.length > 0;
    const some = this.set(is ? others.slice(0, this.room()) : inside, is);
    this.map.announce(some.length + (some.length === 1 ? " seat " : " seats ") + (is ? "chosen" : "given up"));
    this.tell(is && some.length < others.length);
  }

  /** Of these, chosen seats that somebody else has now are chosen no more. */
  loosen(seats) {
    if (this.map.chooses("any")) return;
    const { chosen, codes, mine } = this.states;
    this.lose(seats.filter((seat) => chosen.has(seat) && codes[seat] !== FREE && !this.underWay.has(seat) && !mine.has(seat)));
  }
  lose(lost) {
    if (!lost.length) return;
    const { map } = this;
    this.set(lost, false);
    const names = lost.map((seat) => map.model.name(seat));
    const more = names.length - MOST_NAMES;
    map.announce(names.slice(0, MOST_NAMES).join(", ") + (more > 0 ? " and " + more + " more" : "") + " just went to somebody else.");
    // First that something else is chosen now, then why: whoever shows words shows the reason last.
    this.tell();
    map.tell("seat-lost", { seatIds: lost.map((seat) => map.model.id(seat)), names });
  }
}
