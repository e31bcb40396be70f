// Draws the seats of the plan: as squares far away, nearer in their shapes, and near with their numbers.

import { seatsIn } from "./hits.js";
import { onColour, text } from "./lettering.js";
import { SEAT_PITCH, bounds, wider } from "./plan.js";
import { heat } from "./score.js";

const SEAT = SEAT_PITCH * 0.8;
/** Pixels of a seat from which on its number is written in it, and from which on its shape is seen. */
const READABLE = 17;
const SHAPED = 7;
/** Seats of a house up to which all are drawn in each frame. */
const MOST_DRAWN_ANEW = 3000;

/** The seats: those of a large house as two pictures, of which the one of the chosen seats moves while they are dragged. */
export function drawSeats(pen, { plan, chosen, ranks, shift, layers }, byKey) {
  const { context, view, colours } = pen;
  const transform = context.getTransform();
  const [from, to] = [view.toPlan(0, 0), view.toPlan(view.width, view.height)];
  for (const [name, isChosen] of [["rest", false], ["chosen", true]]) {
    if (isChosen && !chosen.size) continue;
    const [x, y] = isChosen && shift ? [shift.x, shift.y] : [0, 0];
    const seen = { left: from.x - x, top: from.y - y, right: to.x - x, bottom: to.y - y };
    const paint = (target, box) => paintSeats({ ...pen, context: target }, box, { plan, chosen, ranks, isChosen }, byKey);
    if (isLarge(plan)) {
      const key = [plan.sections, plan.categories, chosen, ranks, colours];
      layers[name].draw(context, { seen, scale: transform.a, key, within: () => bounds(plan), paint });
    } else {
      context.translate(x, y);
      paint(context, seen);
    }
    context.setTransform(transform);
  }
}
function isLarge({ sections }) {
  let seats = 0;
  for (const { rows } of sections) for (const row of rows) seats += row.seats.length;
  return seats > MOST_DRAWN_ANEW;
}
/** Paints the chosen seats in a box, or the others, and returns how many. */
function paintSeats(pen, box, { plan, chosen, ranks, isChosen }, byKey) {
  const found = [];
  for (const { seat } of seatsIn(plan, wider(box, SEAT_PITCH))) if (chosen.has(seat.id) === isChosen) found.push(seat);
  const colourOf = (seat) => (ranks ? heat(ranks.get(seat.id) ?? 1) : byKey.get(seat.category));
  const paint = SEAT * pen.view.scale < SHAPED ? paintDots : paintShapes;
  paint(pen, found, colourOf, isChosen);
  return found.length;
}
/** Far away a seat is a square: its shape could not be seen, and would cost five times as much. A chosen one has its colour in the middle. */
function paintDots({ context, colours }, seats, colourOf, isChosen) {
  const squares = (side, colour) => {
    let last = null;
    for (const seat of seats) {
      const wanted = colour(seat);
      if (wanted !== last) context.fillStyle = last = wanted;
      context.fillRect(seat.x - side / 2, seat.y - side / 2, side, side);
    }
  };
  squares(SEAT, isChosen ? () => colours.accent : (seat) => colourOf(seat) ?? colours.soft);
  if (isChosen) squares(SEAT / 2, (seat) => colourOf(seat) ?? colours.sheet);
}
/** Nearer, seats that look the same are copies of one picture; larger ones have their numbers. */
function paintShapes({ context, colours, view, pixel }, seats, colourOf, isChosen) {
  const transform = context.getTransform();
  const { a: scale, e: left, f: top } = transform;
  if (stamps.scale !== scale) stamps = { scale, made: new Map() };
  context.setTransform(1, 0, 0, 1, 0, 0);
  for (const seat of seats) {
    const colour = colourOf(seat);
    const key = [seat.kind, colour, isChosen, colours.accent].join();
    if (!stamps.made.has(key)) stamps.made.set(key, stamp(seat.kind, scale, { fill: colour, edge: isChosen ? colours.accent : colour ? null : colours.soft,
      width: isChosen ? Math.max(6, 2 * pixel) : Math.max(2, pixel) }));
    const made = stamps.made.get(key);
    context.drawImage(made, Math.round(seat.x * scale + left - made.width / 2), Math.round(seat.y * scale + top - made.height / 2));
  }
  context.setTransform(transform);
  if (SEAT * view.scale < READABLE) return;
  for (const seat of seats) {
    const colour = colourOf(seat);
    text({ context, colours }, mark(seat), seat.x, seat.y, seat.label.length > 2 ? 13 : 17, colour ? onColour(colour) : colours.ink);
  }
}
/** Pictures of seats at one scale, by what they show. */
let stamps = { scale: 0, made: new Map() };
function stamp(kind, scale, { fill, edge, width }) {
  const side = Math.ceil((SEAT + width) * scale) + 2;
  const canvas = new OffscreenCanvas(side, side);
  const context = canvas.getContext("2d");
  context.setTransform(scale, 0, 0, scale, side / 2, side / 2);
  seatShape(context, { x: 0, y: 0, kind });
  if (fill) { context.fillStyle = fill; context.fill(); }
  if (edge) { Object.assign(context, { strokeStyle: edge, lineWidth: width }); context.stroke(); }
  return canvas;
}
/** A square with round corners; wheelchair places are round, companions' seats have one corner cut, a restricted view has two. */
export function seatShape(context, { x, y, kind }) {
  const half = SEAT / 2;
  context.beginPath();
  if (kind === "wheelchair") context.arc(x, y, half, 0, 2 * Math.PI);
  else if (kind === "companion") context.roundRect(x - half, y - half, SEAT, SEAT, [half, 6, 6, half]);
  else if (kind === "restrictedView") context.roundRect(x - half, y - half, SEAT, SEAT, [0, half, 0, half]);
  else context.roundRect(x - half, y - half, SEAT, SEAT, [10, 10, 5, 5]);
}
function mark(seat) {
  return seat.kind === "wheelchair" ? "♿\uFE0E" : seat.label;
}
