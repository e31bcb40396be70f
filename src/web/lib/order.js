// The order of a showtime's seats. A seat has an index, with which its id ends and which stays, and a place in the order of the rows. They are the
// same until the showtime is moved to a version of its auditorium with other seats.

/** Made from the rows of a layout. */
export class Order {
  constructor(rows) {
    /** Number of places. */
    this.count = rows.reduce((sum, row) => sum + row.seats, 0);
    this.indices = null;
    if (rows.some((row) => row.indices)) this.read(rows);
  }
  read(rows) {
    this.indices = new Uint32Array(this.count);
    let first = 0;
    for (const row of rows) {
      let last = 0;
      for (const { to, from } of row.indices ?? [{ to: row.seats, from: first }]) {
        for (let seat = last; seat < to; seat += 1) this.indices[first + seat] = from + seat - last;
        last = to;
      }
      first += row.seats;
    }
    this.places = new Map();
    this.indices.forEach((index, place) => this.places.set(index, place));
  }

  index(place) { return this.indices ? this.indices[place] ?? place - this.count : place; }
  /** The place of a seat's index; `count` or more if the showtime has no such seat any more. */
  place(index) { return this.indices ? this.places.get(index) ?? this.count + index : index; }
  /** The place of the seat with an id. */
  placeOf(id) { return this.place(parseInt(id.slice(-8), 16)); }
}
