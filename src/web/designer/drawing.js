// Draws the plan on a canvas: the traced image, areas, seats, the stage, what is chosen and what is about to be.

import { SEAT_PITCH } from "./plan.js";
import { heat } from "./score.js";

const SEAT = SEAT_PITCH * 0.8;
/** Pixels of a seat from which on its number is written in it, and from which on its shape is seen. */
const READABLE = 17;
const SHAPED = 7;

const NAMES = { ink: "--ink", soft: "--soft", line: "--line", sheet: "--sheet", accent: "--accent" };
let known = null;
/** The colours of the page's scheme, by name. A custom property is only known as a colour where it is one: so an element wears each in turn. */
function palette(canvas) {
  const isDark = matchMedia("(prefers-color-scheme: dark)").matches;
  if (known?.isDark === isDark) return known;
  const probe = document.createElement("span");
  canvas.parentElement.append(probe);
  known = { isDark, font: getComputedStyle(canvas).fontFamily };
  for (const [name, property] of Object.entries(NAMES)) {
    probe.style.color = `var(${property})`;
    known[name] = getComputedStyle(probe).color;
  }
  probe.remove();
  return known;
}

/**
 * Draws a scene: `plan`, `view`, `chosen` (ids), `ranks` (for the heat map, or null), `trace` (an image and where it is, or null), `marquee` and
 * `ghost` (rectangle, or seats that are about to be made), and `shift`, how far what is chosen is being dragged, or null.
 */
export function draw(canvas, scene) {
  const context = canvas.getContext("2d");
  const ratio = canvas.width / Math.max(1, scene.view.width);
  const colours = palette(canvas);
  context.setTransform(1, 0, 0, 1, 0, 0);
  context.clearRect(0, 0, canvas.width, canvas.height);
  const { view } = scene;
  const scale = view.scale * ratio;
  context.setTransform(scale, 0, 0, scale, canvas.width / 2 - view.x * scale, canvas.height / 2 - view.y * scale);
  const pen = { context, colours, view, pixel: 1 / view.scale };
  if (scene.trace) drawTrace(pen, scene.trace);
  drawGrid(pen);
  const byKey = new Map(scene.plan.categories.map((category) => [category.key, category.colour]));
  if (scene.plan.focalPoint) drawStage(pen, scene.plan.focalPoint);
  for (const area of scene.plan.areas) {
    const isChosen = scene.chosen.has(area.id);
    drawArea(pen, isChosen ? shifted(area, scene.shift) : area, byKey, isChosen);
  }
  drawSeats(pen, scene, byKey);
  drawLabels(pen, scene.plan);
  if (scene.ghost) drawGhost(pen, scene.ghost);
  if (scene.marquee) drawMarquee(pen, scene.marquee);
}

function drawTrace({ context }, { image, x, y, width, opacity }) {
  context.globalAlpha = opacity;
  context.drawImage(image, x, y, width, width * image.height / image.width);
  context.globalAlpha = 1;
}

/** A dot at each ten seats, so that distances can be seen. */
function drawGrid({ context, colours, view, pixel }) {
  const step = SEAT_PITCH * 10;
  if (step * view.scale < 40) return;
  const from = view.toPlan(0, 0);
  const to = view.toPlan(view.width, view.height);
  context.fillStyle = colours.line;
  for (let x = Math.ceil(from.x / step) * step; x < to.x; x += step) {
    for (let y = Math.ceil(from.y / step) * step; y < to.y; y += step) context.fillRect(x - pixel, y - pixel, 2 * pixel, 2 * pixel);
  }
}

function drawStage({ context, colours, view, pixel }, { x, y }) {
  context.fillStyle = colours.line;
  context.beginPath();
  context.roundRect(x - 200, y - 35, 400, 70, 14);
  context.fill();
  context.strokeStyle = colours.soft;
  context.lineWidth = 1.5 * pixel;
  context.stroke();
  if (view.scale > 0.12) text({ context, colours }, "Stage", x, y, 34, colours.ink);
}

function drawArea({ context, colours, view, pixel }, area, byKey, isChosen) {
  if (area.width === undefined) return;
  const colour = byKey.get(area.category) ?? colours.soft;
  context.globalAlpha = 0.18;
  context.fillStyle = colour;
  context.beginPath();
  context.roundRect(area.x, area.y, area.width, area.height, 20);
  context.fill();
  context.globalAlpha = 1;
  context.strokeStyle = isChosen ? colours.accent : colour;
  context.lineWidth = (isChosen ? 4 : 2) * pixel;
  context.stroke();
  if (view.scale > 0.06) {
    const size = Math.min(60, area.width / 6, area.height / 3);
    text({ context, colours }, area.label, area.x + area.width / 2, area.y + area.height / 2 - size * 0.6, size, colours.ink);
    text({ context, colours }, area.capacity + " places", area.x + area.width / 2, area.y + area.height / 2 + size * 0.6, size * 0.7, colours.soft);
  }
}

/** Where a part is while it is dragged. */
function shifted(part, shift) {
  return shift && part.x !== undefined ? { ...part, x: part.x + shift.x, y: part.y + shift.y } : part;
}

function drawSeats(pen, { plan, chosen, ranks, shift }, byKey) {
  const { view } = pen;
  const [from, to] = [view.toPlan(-60, -60), view.toPlan(view.width + 60, view.height + 60)];
  const drawSeat = SEAT * view.scale < SHAPED ? drawDot : drawShape;
  for (const section of plan.sections) {
    for (const row of section.rows) {
      for (const there of row.seats) {
        const isChosen = chosen.has(there.id);
        const seat = isChosen ? shifted(there, shift) : there;
        if (seat.x < from.x || seat.y < from.y || seat.x > to.x || seat.y > to.y) continue;
        drawSeat(pen, seat, ranks ? heat(ranks.get(seat.id) ?? 1) : byKey.get(seat.category), isChosen);
      }
    }
  }
}
/** Far away a seat is a square: its shape could not be seen, and would cost five times as much. */
function drawDot({ context, colours }, { x, y }, colour, isChosen) {
  context.fillStyle = isChosen ? colours.accent : colour ?? colours.soft;
  context.fillRect(x - SEAT / 2, y - SEAT / 2, SEAT, SEAT);
  if (!isChosen) return;
  context.fillStyle = colour ?? colours.sheet;
  context.fillRect(x - SEAT / 4, y - SEAT / 4, SEAT / 2, SEAT / 2);
}
function drawShape({ context, colours, view, pixel }, seat, colour, isChosen) {
  seatShape(context, seat);
  if (colour) { context.fillStyle = colour; context.fill(); }
  context.strokeStyle = isChosen ? colours.accent : colour ?? colours.soft;
  context.lineWidth = isChosen ? Math.max(6, 2 * pixel) : Math.max(2, pixel);
  if (!colour || isChosen) context.stroke();
  if (SEAT * view.scale >= READABLE) text({ context, colours }, mark(seat), seat.x, seat.y, seat.label.length > 2 ? 13 : 17, colour ? onColour(colour) : colours.ink);
}
/** A square with round corners; wheelchair places are round, companions' seats have one corner cut, a restricted view has two. */
function seatShape(context, { x, y, kind }) {
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

/** Each row's label beside its first seat, each section's name over its middle. */
function drawLabels({ context, colours, view }, plan) {
  for (const section of plan.sections) {
    if (view.scale >= 0.28) {
      for (const row of section.rows) text({ context, colours }, row.label, row.seats[0].x - SEAT_PITCH, row.seats[0].y, 22, colours.soft);
    } else {
      const middle = section.rows[Math.floor(section.rows.length / 2)].seats;
      const seat = middle[Math.floor(middle.length / 2)];
      const size = 15 / view.scale;
      context.font = `600 ${size}px ${colours.font}`;
      const width = context.measureText(section.name).width + size;
      context.fillStyle = colours.sheet;
      context.beginPath();
      context.roundRect(seat.x - width / 2, seat.y - size * 0.8, width, size * 1.6, size * 0.4);
      context.fill();
      text({ context, colours }, section.name, seat.x, seat.y, size, colours.ink, 600);
    }
  }
}

function drawGhost({ context, colours }, seats) {
  context.globalAlpha = 0.55;
  context.fillStyle = colours.accent;
  for (const seat of seats) {
    seatShape(context, seat);
    context.fill();
  }
  context.globalAlpha = 1;
}

function drawMarquee({ context, colours, pixel }, { left, top, right, bottom }) {
  context.strokeStyle = colours.accent;
  context.lineWidth = 1.5 * pixel;
  context.setLineDash([6 * pixel, 4 * pixel]);
  context.strokeRect(left, top, right - left, bottom - top);
  context.setLineDash([]);
}

function text({ context, colours }, words, x, y, size, colour, weight = 400) {
  context.font = `${weight} ${size}px ${colours.font}`;
  context.textAlign = "center";
  context.textBaseline = "middle";
  context.fillStyle = colour;
  context.fillText(words, x, y);
}

const contrasts = new Map();
/** Black or white, whichever is read better on a colour. */
function onColour(colour) {
  if (!colour.startsWith("#")) return "#000";
  if (!contrasts.has(colour)) {
    const long = colour.length === 4 ? [...colour.slice(1)].map((digit) => digit + digit).join("") : colour.slice(1);
    const [red, green, blue] = [0, 2, 4].map((at) => (parseInt(long.slice(at, at + 2), 16) / 255) ** 2.2);
    contrasts.set(colour, 0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.3 ? "#000" : "#fff");
  }
  return contrasts.get(colour);
}
