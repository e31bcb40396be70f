// Draws the plan on a canvas: the traced image, areas, seats, the stage, what is chosen and what is about to be.

import { text } from "./lettering.js";
import { SEAT_PITCH } from "./plan.js";
import { drawSeats, seatShape } from "./seats.js";

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
 * `ghost` (rectangle, or seats that are about to be made), `shift`, how far what is chosen is being dragged, or null, and `layers` for the seats of a
 * large house: one of those that are chosen, one of the `rest`.
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

/** Each row's label beside its first seat, each section's name over its middle. */
function drawLabels({ context, colours, view }, plan) {
  for (const section of plan.sections) {
    if (view.scale >= 0.28) {
      for (const { label, seats: [first] } of section.rows) {
        const { x, y } = view.toScreen(first.x, first.y);
        if (x > 0 && y > 0 && x < view.width + SEAT_PITCH && y < view.height) text({ context, colours }, label, first.x - SEAT_PITCH, first.y, 22, colours.soft);
      }
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
