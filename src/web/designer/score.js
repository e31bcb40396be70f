// How good seats are for who lets the server choose: the nearer to the stage, the better. The same measure as the server's: squared distance to the
// focal point, or to the middle of the first row if there is none.

import { seats } from "./plan.js";

/** The point that the best seats are near. */
export function focus(plan) {
  if (plan.focalPoint) return plan.focalPoint;
  const first = plan.sections[0]?.rows[0]?.seats;
  if (!first?.length) return { x: 0, y: 0 };
  const middle = (axis) => first.reduce((sum, seat) => sum + seat[axis], 0) / first.length;
  return { x: middle("x"), y: middle("y") };
}

/** For each seat's id its rank among all, from 0 for the best one to 1. Seats that are as near as each other have the same. */
export function ranks(plan) {
  const { x, y } = focus(plan);
  const measured = [...seats(plan)].map((seat) => ({ id: seat.id, far: (seat.x - x) ** 2 + (seat.y - y) ** 2 }));
  measured.sort((one, other) => one.far - other.far);
  const ranked = new Map();
  let [rank, before] = [0, -1];
  measured.forEach(({ id, far }, place) => {
    if (far !== before) [rank, before] = [place, far];
    ranked.set(id, measured.length > 1 ? rank / (measured.length - 1) : 0);
  });
  return ranked;
}

/** A colour for a rank: warm is good, cold is far. Bright enough to be seen on both grounds. */
export function heat(rank) {
  return `hsl(${Math.round(20 + rank * 220)} 72% ${Math.round(52 + rank * 6)}%)`;
}
