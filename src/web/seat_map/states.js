// The states of a house's places: what the server says, what is chosen here, what is the reader's own, and an operator's marks.

/** Codes of the live status. */
export const FREE = 0;
export const WORDS = ["available", "reserved", "sold"];

export class States {
  constructor(house) {
    this.house = house;
    this.codes = new Uint8Array(house.count);
    this.chosen = new Set();
    this.mine = new Set();
    this.flags = new Uint8Array(house.count);
    this.marks = new Uint32Array(house.count);
    this.unmark();
    this.wanted = new Map();
    this.sectionFree = new Int32Array(house.sections.length);
    this.areaFree = new Int32Array(house.areas.length);
    this.count();
  }

  count() {
    this.house.sections.forEach((section, place) => {
      let free = 0;
      for (const index of section.rows) {
        const row = this.house.rows[index];
        for (let seat = row.first; seat < row.first + row.seats; seat += 1) free += this.codes[seat] === FREE;
      }
      this.sectionFree[place] = free;
    });
    this.house.areas.forEach((area, place) => {
      let free = 0;
      for (let seat = area.first; seat < area.first + area.capacity; seat += 1) free += this.codes[seat] === FREE;
      this.areaFree[place] = free;
    });
  }

  /** All of them at once. The seats that differ from before. */
  adopt(codes) {
    const differ = [];
    for (let seat = 0; seat < this.house.count; seat += 1) if (codes[seat] !== this.codes[seat]) differ.push(seat);
    this.codes.set(codes.subarray(0, this.house.count));
    this.count();
    return differ;
  }

  /** These have one status from now on. Those that had another before. */
  change(seats, code) {
    const differ = seats.filter((seat) => seat < this.house.count && this.codes[seat] !== code);
    for (const seat of differ) {
      const more = (code === FREE) - (this.codes[seat] === FREE);
      this.codes[seat] = code;
      if (this.house.isSeat(seat)) this.sectionFree[this.house.rowOf(seat).section] += more;
      else this.areaFree[this.house.areas.indexOf(this.house.areaOf(seat))] += more;
    }
    return differ;
  }

  /** 0 free, 1 held, 2 sold, 3 chosen, 4 the reader's own. */
  look(seat) {
    const flags = this.flags[seat];
    if (flags & 1) return 3;
    const code = this.codes[seat];
    return flags & 2 && code !== FREE ? 4 : code;
  }
  freeIn(section) { return this.sectionFree[section]; }
  freeInArea(area) { return this.areaFree[area]; }
  wantedOf(label) { return this.wanted.get(label) ?? 0; }

  choose(seat, is) {
    if (is) this.chosen.add(seat); else this.chosen.delete(seat);
    this.flags[seat] = this.flags[seat] & ~1 | Number(is);
  }
  /** The reader's own from now on. The seats that are so, or were. */
  own(seats) {
    const before = [...this.mine];
    for (const seat of before) this.flags[seat] &= ~2;
    this.mine = new Set(seats);
    for (const seat of seats) this.flags[seat] |= 2;
    return [...new Set([...before, ...seats])].filter((seat) => !this.mine.has(seat) || !before.includes(seat));
  }
  /** Takes all marks away. */
  unmark() {
    this.marks.fill(0);
    this.markings = [null];
    this.known = new Map();
  }
  /** Marks of an operator: entries of a place and `{ colour, text, title }`, or null for none. */
  mark(entries) {
    for (const [seat, marking] of entries) this.marks[seat] = marking ? this.markOf(marking) : 0;
  }
  markOf(marking) {
    const key = typeof marking.title === "function" ? marking : marking.colour + "\n" + (marking.text ?? "") + "\n" + (marking.title ?? "");
    if (!this.known.has(key)) this.known.set(key, this.markings.push(marking) - 1);
    return this.known.get(key);
  }

  /** A place's state in a word. */
  word(seat) {
    if (this.flags[seat] & 2 && this.codes[seat] !== FREE) return "yours";
    const { title } = this.markings[this.marks[seat]] ?? {};
    const said = typeof title === "function" ? title(this.house.id(seat)) : title;
    return (this.flags[seat] & 1 ? "chosen" : WORDS[this.codes[seat]]) + (said ? ", " + said : "");
  }
}
