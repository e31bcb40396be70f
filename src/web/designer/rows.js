// Rows by numbers: the seats of new rows with their positions, straight or curved, with aisles.

import { ROW_PITCH, SEAT_PITCH, fresh } from "./plan.js";
import { rowLabels, seatLabels } from "./numbering.js";

/** Most rows that are made at once, and most seats in one of them. */
export const MOST_ROWS = 200;
export const MOST_SEATS = 500;

/** The adjacency indexes of a row: one more from seat to seat, two more across an aisle. */
export function adjacencies(count, aisleAfter) {
  const aisles = new Set(aisleAfter);
  let next = 0;
  return Array.from({ length: count }, (_, place) => (next += aisles.has(place) ? 2 : 1));
}

/** Positions of a row around its middle. `curve` is how far its ends are nearer to the stage than its middle. */
export function positions(adjacency, { x, y, curve = 0, pitch = SEAT_PITCH }) {
  const [first, final] = [adjacency[0], adjacency[adjacency.length - 1]];
  const [middle, half] = [(first + final) / 2, (final - first) / 2];
  return adjacency.map((place) => {
    const aside = place - middle;
    return { x: x + aside * pitch, y: y - (half > 0 ? curve * (aside / half) ** 2 : 0) };
  });
}

/** How many seats the row at `place` has: `growth` more from row to row. */
function seatsIn(wish, place) {
  return Math.max(1, Math.min(MOST_SEATS, Math.round(wish.seats + place * (wish.growth ?? 0))));
}

/**
 * New rows, from the front. The wish: `rows`, `seats` in the first one, `growth`, `firstRow` and `skip` for the labels of the rows, `style`,
 * `from` and `first` for those of the seats, `curve`, `aisleAfter` (counted in the first row), `category`, and where the middle of the first row is, `x` and `y`.
 */
export function makeRows(wish) {
  const count = Math.max(1, Math.min(MOST_ROWS, wish.rows));
  const labels = rowLabels(count, { first: wish.firstRow, skip: wish.skip });
  const first = seatsIn(wish, 0);
  return labels.map((label, place) => {
    const seats = seatsIn(wish, place);
    // A row that has more seats has them on both sides, so that aisles stay in line.
    const aside = Math.round((seats - first) / 2);
    const aisles = (wish.aisleAfter ?? []).map((after) => after + aside).filter((after) => after > 0 && after < seats);
    const adjacency = adjacencies(seats, aisles);
    const y = wish.y + place * (wish.rowPitch ?? ROW_PITCH);
    const points = positions(adjacency, { x: wish.x, y, curve: wish.curve ?? 0, pitch: wish.pitch });
    const names = seatLabels(seats, wish);
    const made = names.map((name, seat) => ({
      id: fresh(), label: name, ...points[seat], adjacency: adjacency[seat], category: wish.category ?? null, kind: "standard",
    }));
    return { id: fresh(), label, seats: made };
  });
}

/** The wish for rows that fill a rectangle that was drawn. */
export function wishFor({ left, top, right, bottom }) {
  return {
    rows: Math.max(1, Math.min(MOST_ROWS, Math.floor((bottom - top) / ROW_PITCH) + 1)),
    seats: Math.max(1, Math.min(MOST_SEATS, Math.floor((right - left) / SEAT_PITCH) + 1)),
    x: (left + right) / 2, y: top,
  };
}
