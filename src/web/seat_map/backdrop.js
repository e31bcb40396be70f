// The backdrop: the stage, the names of sections and rows, blocks of sections that are far away, and areas.

import { colourOf, inkOn } from "./palette.js";
import { count } from "../lib/format.js";

const ROW_LABEL_PIXELS = 11;
const SMALLEST_TEXT = 9;
/** Widths of texts that are kept. */
const MOST_WIDTHS = 4000;

export class Backdrop {
  constructor(painter) {
    Object.assign(this, { painter, outlines: [], widths: new Map() });
  }
  look(house) {
    this.widths.clear();
    this.outlines = house.sections.map((section) => this.outline(house, section));
    this.common = house.sections.map((section) => this.commonest(house, section));
  }

  /** Around the first row, the right ends, the last row and the left ends. */
  outline(house, section) {
    const path = new Path2D();
    const rows = section.rows.map((place) => house.rows[place]);
    const points = [];
    const add = (seat) => points.push([house.x[seat], house.y[seat]]);
    const ends = (row) => house.x[row.first] <= house.x[row.first + row.seats - 1] ? [row.first, row.first + row.seats - 1] : [row.first + row.seats - 1, row.first];
    const along = (row, back) => {
      const [from, to] = ends(row);
      const step = Math.max(1, Math.floor(row.seats / 24)) * (to >= from ? 1 : -1);
      const seats = [];
      for (let seat = from; step > 0 ? seat < to : seat > to; seat += step) seats.push(seat);
      seats.push(to);
      for (const seat of back ? seats.reverse() : seats) add(seat);
    };
    along(rows[0], false);
    for (const row of rows.slice(1, -1)) add(ends(row)[1]);
    if (rows.length > 1) along(rows[rows.length - 1], true);
    for (const row of rows.slice(1, -1).reverse()) add(ends(row)[0]);
    points.forEach(([x, y], place) => { if (place) path.lineTo(x, y); else path.moveTo(x, y); });
    path.closePath();
    return path;
  }
  commonest(house, section) {
    const counts = new Map();
    for (const place of section.rows) {
      const category = house.category[house.rows[place].first];
      counts.set(category, (counts.get(category) ?? 0) + house.rows[place].seats);
    }
    return [...counts].sort((one, other) => other[1] - one[1])[0]?.[0] ?? -1;
  }

  drawBehind(blocks) {
    this.drawStage();
    if (blocks) this.drawBlocks();
    this.drawAreas();
  }
  drawOver(blocks) {
    const { camera, house } = this.painter;
    if (!blocks) {
      if (house.pitch * camera.scale >= ROW_LABEL_PIXELS) this.drawRowNames();
      this.drawSectionNames();
    }
  }

  /** Text in the middle of a point, cut to a width; with a `halo`, its edge has that colour. */
  text(text, x, y, size, colour, width, weight = 500, halo = null) {
    const { pen, palette, ratio } = this.painter;
    // What is a little too long is written smaller, and what is much too long is cut. In steps of half a pixel: each size is another font to the browser.
    const smaller = Math.max(SMALLEST_TEXT, Math.floor(2 * size * Math.min(1, width / (size * this.width(text, weight)))) / 2);
    let shown = text;
    for (let kept = text.length - 1; kept > 2 && this.width(shown, weight) * smaller > width; kept -= 1) shown = text.slice(0, kept).trimEnd() + "…";
    pen.font = weight + " " + smaller * ratio + "px " + palette.font;
    pen.textAlign = "center";
    pen.textBaseline = "middle";
    pen.fillStyle = colour;
    if (halo) {
      pen.strokeStyle = halo;
      pen.lineWidth = 4 * ratio;
      pen.lineJoin = "round";
      pen.strokeText(shown, x * ratio, y * ratio);
    }
    pen.fillText(shown, x * ratio, y * ratio);
  }

  /** The width of a text that is one pixel high. */
  width(text, weight) {
    const key = weight + " " + text;
    if (!this.widths.has(key)) {
      if (this.widths.size >= MOST_WIDTHS) this.widths.clear();
      const { pen, palette } = this.painter;
      pen.font = weight + " 100px " + palette.font;
      this.widths.set(key, pen.measureText(text).width / 100);
    }
    return this.widths.get(key);
  }
  /** Whether the camera sees some of a box. */
  sees({ left, top, right, bottom }) {
    const { camera, house } = this.painter;
    const { box } = camera;
    return right + house.pitch > box.left && left - house.pitch < box.right && bottom + house.pitch > box.top && top - house.pitch < box.bottom;
  }

  drawStage() {
    const { pen, camera, house, palette, ratio } = this.painter;
    const { x, y, width, height, inside } = house.stage;
    const size = [width * camera.scale, Math.max(inside ? 4 : 5, height * camera.scale)];
    // However small, it does not reach into the rows.
    const [left, bottom] = camera.toScreen(x - width / 2, y + height / 2);
    const top = bottom - size[1];
    const bow = size[0] * 0.035;
    pen.fillStyle = palette.stage;
    pen.beginPath();
    if (inside) {
      pen.roundRect(left * ratio, top * ratio, size[0] * ratio, size[1] * ratio, Math.min(...size) * 0.12 * ratio);
    } else {
      // A shallow arc, open towards the seats.
      const right = left + size[0];
      pen.moveTo(left * ratio, (bottom + bow * 0.2) * ratio);
      pen.quadraticCurveTo((left + size[0] / 2) * ratio, (top - bow * 1.6) * ratio, right * ratio, (bottom + bow * 0.2) * ratio);
      pen.lineTo(right * ratio, (bottom - Math.min(size[1] * 0.5, 7) + bow * 0.2) * ratio);
      pen.quadraticCurveTo((left + size[0] / 2) * ratio, (top - bow * 1.6 - Math.min(size[1] * 0.6, 8)) * ratio, left * ratio, (bottom - Math.min(size[1] * 0.5, 7) + bow * 0.2) * ratio);
      pen.closePath();
    }
    pen.fill();
    if (size[0] > 70) {
      const tall = Math.min(13, Math.max(10, size[1] * 0.6));
      // In the arc if it has room, else over it.
      const under = size[1] > 1.4 * tall ? top + size[1] * 0.66 + tall * 0.3 : top - bow * 0.8 - tall;
      this.text("Stage", left + size[0] / 2, inside ? top + size[1] / 2 : under, tall, palette.soft, size[0]);
    }
  }

  drawBlocks() {
    const { pen, camera, house, palette, ratio, states } = this.painter;
    const scale = camera.scale * ratio;
    house.sections.forEach((section, place) => {
      if (!this.sees(section.box)) return;
      const colour = colourOf(palette, house.categories, this.common[place]);
      const free = states.freeIn(place);
      pen.setTransform(scale, 0, 0, scale, -camera.x * scale, -camera.y * scale);
      pen.fillStyle = pen.strokeStyle = free ? colour : palette.sold;
      pen.lineJoin = "round";
      pen.lineWidth = house.pitch * 1.2;
      pen.globalAlpha = palette.forced ? 1 : free ? 0.45 + 0.55 * free / section.seats : 0.7;
      pen.fill(this.outlines[place]);
      pen.stroke(this.outlines[place]);
      pen.setTransform(1, 0, 0, 1, 0, 0);
      pen.globalAlpha = 1;
      this.drawBlockName(section, free, palette.forced ? palette.ink : inkOn(free ? colour : palette.sold));
    });
  }

  /** The name in the section's midst, and what is free if there is room: a slanted section has less of it than its box. */
  drawBlockName(section, free, ink) {
    const { camera, house } = this.painter;
    const middle = house.rows[section.rows[section.rows.length >> 1]];
    const seat = middle.first + (middle.seats >> 1);
    const [x, y] = camera.toScreen(house.x[seat], house.y[seat]);
    const { left, right, top, bottom } = section.box;
    const [width, height] = [(right - left) * camera.scale, (bottom - top) * camera.scale];
    const deep = Math.max(height / section.rows.length, house.pitch * camera.scale);
    const room = Math.min(width, section.seats * house.pitch * camera.scale * deep / Math.hypot(width, height) * 1.25);
    if (room < 16 || height < 11) return;
    const size = Math.min(15, Math.max(8, room / 5));
    const both = height > 34 && room > 56;
    this.text(section.name, x, both ? y - size * 0.6 : y, size, ink, room, 600);
    if (both) this.text(free ? free.toLocaleString() + " free" : "sold out", x, y + size * 0.7, Math.min(12, size * 0.86), ink, room, 400);
  }

  drawAreas() {
    const { pen, camera, house, palette, ratio, states } = this.painter;
    house.areas.forEach((area, place) => {
      const free = states.freeInArea(place);
      const [x, y] = camera.toScreen(area.x, area.y);
      const [width, height] = [area.width * camera.scale, area.height * camera.scale];
      const colour = free ? colourOf(palette, house.categories, area.category) : palette.sold;
      pen.beginPath();
      pen.roundRect(x * ratio, y * ratio, width * ratio, height * ratio, Math.min(width, height, 60) * 0.14 * ratio);
      pen.fillStyle = colour;
      pen.globalAlpha = palette.forced ? 1 : 0.22;
      pen.fill();
      pen.globalAlpha = 1;
      pen.lineWidth = 1.5 * ratio;
      pen.strokeStyle = palette.forced ? palette.ink : colour;
      pen.stroke();
      if (width < 30 || height < 14) return;
      const size = Math.min(17, Math.max(9, Math.min(width / 9, height / 4)));
      const both = height > 3 * size;
      this.text(area.label, x + width / 2, y + height / 2 - (both ? size * 0.7 : 0), size, palette.ink, width * 0.92, 600);
      const wanted = states.wantedOf(area.label);
      const told = wanted ? wanted + " chosen" : free ? count(free, "place") + " free" : "sold out";
      if (both) this.text(told, x + width / 2, y + height / 2 + size * 0.8, size * 0.84, palette.ink, width * 0.92, 400);
    });
  }

  drawSectionNames() {
    const { camera, house, palette } = this.painter;
    for (const section of house.sections) {
      if (!section.name || house.sections.length < 2 || !this.sees(section.box)) continue;
      // In front of the first row's middle: of a curved row that is not where its box begins.
      const first = house.rows[section.rows[0]];
      const seat = first.first + (first.seats >> 1);
      const { left, right } = section.box;
      const [x, y] = camera.toScreen((house.x[first.first] + house.x[first.first + first.seats - 1]) / 2, house.y[seat] - house.size[seat] * 0.6);
      const width = (right - left) * camera.scale;
      if (width < 24) continue;
      const size = Math.min(14, Math.max(9, house.pitch * camera.scale * 0.75));
      this.text(section.name, x, y - size * 0.8, size, palette.ink, Math.max(width, 40), 600, palette.ground);
    }
  }

  drawRowNames() {
    const { camera, house, palette } = this.painter;
    const size = Math.min(13, house.pitch * camera.scale * 0.42);
    const { left, top, right, bottom } = camera.box;
    for (const row of house.rows) {
      const [first, last] = [row.first, row.first + row.seats - 1];
      const across = Math.sign(house.x[last] - house.x[first]) || 1;
      for (const [seat, side] of [[first, -across], [last, across]]) {
        const [houseX, houseY] = [house.x[seat] + side * row.pitch, house.y[seat]];
        if (houseX < left || houseX > right || houseY < top || houseY > bottom) continue;
        const [x, y] = camera.toScreen(houseX, houseY);
        this.text(row.label, x, y, size, palette.soft, row.pitch * camera.scale * 1.4);
      }
    }
  }
}
