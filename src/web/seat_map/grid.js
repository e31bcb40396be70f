// A grid over the house: which seats are in a part of it, without looking at all of them.

const SEATS_PER_CELL = 24;

export class Grid {
  constructor(house) {
    this.house = house;
    const { left, top, right, bottom } = house.box;
    const cells = Math.max(1, house.seats / SEATS_PER_CELL);
    this.cell = Math.max(house.pitch, Math.sqrt((right - left) * (bottom - top) / cells));
    this.columns = Math.ceil((right - left) / this.cell) + 1;
    this.lines = Math.ceil((bottom - top) / this.cell) + 1;
    [this.left, this.top] = [left, top];
    // Counting sort: where each cell's seats begin, then the seats.
    this.starts = new Uint32Array(this.columns * this.lines + 1);
    for (let seat = 0; seat < house.seats; seat += 1) this.starts[this.cellOf(house.x[seat], house.y[seat]) + 1] += 1;
    for (let cell = 1; cell < this.starts.length; cell += 1) this.starts[cell] += this.starts[cell - 1];
    const next = this.starts.slice();
    this.seats = new Uint32Array(house.seats);
    for (let seat = 0; seat < house.seats; seat += 1) {
      const cell = this.cellOf(house.x[seat], house.y[seat]);
      this.seats[next[cell]] = seat;
      next[cell] += 1;
    }
  }

  column(x) { return Math.min(this.columns - 1, Math.max(0, Math.floor((x - this.left) / this.cell))); }
  line(y) { return Math.min(this.lines - 1, Math.max(0, Math.floor((y - this.top) / this.cell))); }
  cellOf(x, y) { return this.line(y) * this.columns + this.column(x); }

  /** The seats of all cells that a box touches, in `into`; how many there are. */
  within(box, into) {
    let count = 0;
    const [from, to] = [this.column(box.left), this.column(box.right)];
    for (let line = this.line(box.top); line <= this.line(box.bottom); line += 1) {
      const cell = line * this.columns;
      for (let place = this.starts[cell + from]; place < this.starts[cell + to + 1]; place += 1) {
        into[count] = this.seats[place];
        count += 1;
      }
    }
    return count;
  }

  /** Cells that a box touches have about so many seats. */
  estimate(box) {
    let count = 0;
    const [from, to] = [this.column(box.left), this.column(box.right)];
    for (let line = this.line(box.top); line <= this.line(box.bottom); line += 1) {
      const cell = line * this.columns;
      count += this.starts[cell + to + 1] - this.starts[cell + from];
    }
    return count;
  }

  /** The seat at a point, or -1. */
  at(x, y) {
    const { house } = this;
    const reach = house.pitch;
    const found = new Uint32Array(this.estimate({ left: x - reach, top: y - reach, right: x + reach, bottom: y + reach }));
    const count = this.within({ left: x - reach, top: y - reach, right: x + reach, bottom: y + reach }, found);
    let [nearest, distance] = [-1, Infinity];
    for (let place = 0; place < count; place += 1) {
      const seat = found[place];
      const apart = Math.max(Math.abs(house.x[seat] - x), Math.abs(house.y[seat] - y));
      if (apart <= house.size[seat] / 2 && apart < distance) [nearest, distance] = [seat, apart];
    }
    return nearest;
  }

  /** The seats of which a box has the middle, or nearly. */
  inside(box) {
    const { house } = this;
    const wide = { left: box.left - house.pitch, top: box.top - house.pitch, right: box.right + house.pitch, bottom: box.bottom + house.pitch };
    const found = new Uint32Array(this.estimate(wide));
    const count = this.within(wide, found);
    const isIn = (seat) => {
      const near = house.size[seat] / 4;
      return house.x[seat] + near >= box.left && house.x[seat] - near <= box.right && house.y[seat] + near >= box.top && house.y[seat] - near <= box.bottom;
    };
    return Array.from(found.subarray(0, count)).filter(isIn).sort((one, other) => one - other);
  }

  /** The neighbour in a direction, as eyes see it: in the row to the sides, else the closest of another row ahead. */
  next(seat, key) {
    const { house } = this;
    const row = house.rowOf(seat);
    const last = row.first + row.seats - 1;
    if (key === "Home") return row.first;
    if (key === "End") return last;
    if (key === "ArrowLeft" || key === "ArrowRight") {
      const rightwards = house.x[last] >= house.x[row.first] ? 1 : -1;
      const to = seat + (key === "ArrowRight" ? rightwards : -rightwards);
      if (to >= row.first && to <= last) return to;
    }
    const [aside, ahead] = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[key];
    let [best, least] = [seat, Infinity];
    for (let other = 0; other < house.seats; other += 1) {
      if (house.row[other] === house.row[seat]) continue;
      const [dx, dy] = [house.x[other] - house.x[seat], house.y[other] - house.y[seat]];
      const along = dx * aside + dy * ahead;
      const across = Math.abs(aside ? dy : dx);
      if (along < house.pitch * 0.4 || across > along * 2.5 + house.pitch) continue;
      const cost = along + across * 1.5;
      if (cost < least) [best, least] = [other, cost];
    }
    return best;
  }
}
