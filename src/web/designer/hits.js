// What is under the pointer: seats by a grid that is made once for each document, and areas.

import { SEAT_PITCH } from "./plan.js";

const CELL = SEAT_PITCH * 4;
const grids = new WeakMap();

function gridOf(plan) {
  let grid = grids.get(plan);
  if (grid) return grid;
  grid = new Map();
  for (const section of plan.sections) {
    for (const row of section.rows) {
      for (const seat of row.seats) {
        const cell = Math.floor(seat.x / CELL) + " " + Math.floor(seat.y / CELL);
        if (!grid.has(cell)) grid.set(cell, []);
        grid.get(cell).push({ seat, row, section });
      }
    }
  }
  grids.set(plan, grid);
  return grid;
}

/** The seats in a rectangle of the plan, each with its row and section. */
export function* seatsIn(plan, { left, top, right, bottom }) {
  const grid = gridOf(plan);
  const [from, to] = [Math.floor(left / CELL), Math.floor(right / CELL)];
  const [first, last] = [Math.floor(top / CELL), Math.floor(bottom / CELL)];
  const cells = (to - from + 1) * (last - first + 1) > grid.size ? grid.values() : between(grid, from, to, first, last);
  for (const cell of cells) {
    for (const found of cell) {
      const { x, y } = found.seat;
      if (x >= left && x <= right && y >= top && y <= bottom) yield found;
    }
  }
}
function* between(grid, from, to, first, last) {
  for (let column = from; column <= to; column += 1) {
    for (let line = first; line <= last; line += 1) yield grid.get(column + " " + line) ?? [];
  }
}

/** The seat at a point, or null. */
export function seatAt(plan, x, y, reach = SEAT_PITCH / 2) {
  let nearest = null;
  let distance = reach;
  for (const found of seatsIn(plan, { left: x - reach, top: y - reach, right: x + reach, bottom: y + reach })) {
    const far = Math.hypot(found.seat.x - x, found.seat.y - y);
    if (far <= distance) [nearest, distance] = [found, far];
  }
  return nearest;
}
/** The area at a point, or null. */
export function areaAt(plan, x, y) {
  return plan.areas.findLast((area) => area.width !== undefined && x >= area.x && x <= area.x + area.width && y >= area.y && y <= area.y + area.height) ?? null;
}
/** Ids of all seats and areas in a rectangle. */
export function idsIn(plan, box) {
  const ids = new Set();
  for (const { seat } of seatsIn(plan, box)) ids.add(seat.id);
  for (const area of plan.areas) {
    if (area.width === undefined) continue;
    if (area.x >= box.left && area.x + area.width <= box.right && area.y >= box.top && area.y + area.height <= box.bottom) ids.add(area.id);
  }
  return ids;
}
/** A rectangle from two of its corners. */
export function box(one, other) {
  return {
    left: Math.min(one.x, other.x), right: Math.max(one.x, other.x), top: Math.min(one.y, other.y), bottom: Math.max(one.y, other.y),
  };
}
