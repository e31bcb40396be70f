// The painter: draws the house as the camera sees it, as blocks far out, as seats, and as seats with labels near.

import { Backdrop } from "./backdrop.js";
import { Sprites } from "./sprites.js";
import { colourOf, inkOn } from "./palette.js";

/** Below this size in CSS pixels, sections are drawn as blocks. */
export const BLOCK_PIXELS = 3.4;
const LABEL_PIXELS = 20;
// More seats than this are not stamped one by one in each frame: the sheet has them.
const MOST_STAMPED = 3500;
const PULSE_MILLISECONDS = 900;
/** The camera rests if it has not moved for so long. */
const REST_MILLISECONDS = 150;
const MOST_PULSES = 300;

export class Painter {
  constructor(canvas, camera, states) {
    Object.assign(this, { canvas, camera, states, pen: canvas.getContext("2d"), ratio: 1, house: null, grid: null, sheet: null, palette: null,
      sprites: new Sprites(), pulses: new Map(), cursor: -1, lasso: null, visible: new Uint32Array(0), asked: null, frames: 0, isMoving: false, rest: 0 });
    this.backdrop = new Backdrop(this);
    this.still = matchMedia("(prefers-reduced-motion: reduce)");
  }

  look(house, grid) {
    Object.assign(this, { house, grid, cursor: -1, lasso: null, visible: new Uint32Array(house.seats) });
    this.pulses.clear();
    this.backdrop.look(house);
    this.sheet = null;
    if (house.seats > MOST_STAMPED) this.useSheet(house);
    if (this.palette) this.use(this.palette);
  }
  /** Only large houses need it, so only they load it. */
  async useSheet(house) {
    const { Sheet } = await import("./sheet.js");
    if (house === this.house) this.sheet = new Sheet(this);
    this.ask();
  }
  use(palette) {
    this.palette = palette;
    this.sprites.use(palette);
    this.colours = [-1, ...(this.house?.categories ?? []).keys()].map((place) => colourOf(palette, this.house?.categories ?? [], place));
    this.sheet?.stale();
    this.ask();
  }
  resize(width, height) {
    this.ratio = Math.min(2, devicePixelRatio || 1);
    this.canvas.width = Math.max(1, Math.round(width * this.ratio));
    this.canvas.height = Math.max(1, Math.round(height * this.ratio));
    this.ask();
  }

  /** Seats look different from now on. */
  changed(seats, pulse = false) {
    if (!this.house) return;
    for (const seat of seats) if (this.house.isSeat(seat)) this.sheet?.repaint(seat);
    if (pulse && !this.still.matches) {
      const now = performance.now();
      for (const seat of seats.slice(0, MOST_PULSES)) if (this.pulses.size < MOST_PULSES) this.pulses.set(seat, now);
    }
    this.ask();
  }
  changedAll() {
    this.sheet?.stale();
    this.ask();
  }

  /** The camera moves: until it rests, many seats are copied from the sheet, even if they are blurred by it. */
  moved() {
    this.isMoving = true;
    clearTimeout(this.rest);
    this.rest = setTimeout(() => { this.isMoving = false; this.ask(); }, REST_MILLISECONDS);
    this.ask();
  }
  /** A frame, with all that has changed until then. */
  ask() {
    this.asked ??= requestAnimationFrame(() => { this.asked = null; this.draw(); });
  }

  draw() {
    const { pen, camera, house, palette } = this;
    if (!house || !palette) return;
    this.frames += 1;
    pen.setTransform(1, 0, 0, 1, 0, 0);
    pen.clearRect(0, 0, this.canvas.width, this.canvas.height);
    const seatPixels = house.pitch * camera.scale;
    const tooMany = house.seats > MOST_STAMPED && !this.sheet?.ready && this.grid.estimate(camera.box) > MOST_STAMPED * 3;
    const blocks = tooMany || (seatPixels < BLOCK_PIXELS && house.sections.length + house.areas.length > 1);
    this.backdrop.drawBehind(blocks);
    if (!blocks) this.drawSeats(seatPixels);
    this.backdrop.drawOver(blocks);
    this.drawPulses();
    this.drawCursor();
    if (this.pulses.size) this.ask();
  }

  drawSeats(seatPixels) {
    const { grid, camera, sheet } = this;
    const reach = this.house.pitch;
    const box = camera.box;
    const seen = { left: box.left - reach, top: box.top - reach, right: box.right + reach, bottom: box.bottom + reach };
    const count = grid.estimate(seen);
    if (sheet && (count > MOST_STAMPED || camera.glide !== null) && sheet.draw(seatPixels)) return;
    const found = grid.within(seen, this.visible);
    const scale = camera.scale * this.ratio;
    this.stamp(this.pen, this.visible, found, scale, camera.x, camera.y);
    if (seatPixels >= LABEL_PIXELS) this.drawLabels(found, seatPixels);
  }

  /** Stamps seats with a pen, `scale` pixels for each unit of the house, from a corner on. */
  stamp(pen, seats, count, scale, left, top) {
    const { house, states, sprites, colours } = this;
    let [lastKey, sprite] = [-1, null];
    for (let place = 0; place < count; place += 1) {
      const seat = seats[place];
      const size = Math.max(1, Math.round(house.size[seat] * scale * 0.9));
      const look = states.look(seat);
      const mark = states.marks[seat];
      const key = (((mark * 4 + house.kind[seat]) * 512 + house.category[seat] + 1) * 8 + look) * 256 + size;
      if (key !== lastKey) {
        lastKey = key;
        sprite = sprites.get(key, size, look, colours[house.category[seat] + 1], house.kind[seat], mark ? states.markings[mark] : null);
      }
      pen.drawImage(sprite, Math.round((house.x[seat] - left) * scale - size / 2), Math.round((house.y[seat] - top) * scale - size / 2));
    }
  }

  drawLabels(count, seatPixels) {
    const { pen, house, camera, states, palette, colours } = this;
    const size = Math.min(14, seatPixels * 0.36) * this.ratio;
    pen.font = "500 " + size + "px " + palette.font;
    pen.textAlign = "center";
    pen.textBaseline = "middle";
    const scale = camera.scale * this.ratio;
    for (let place = 0; place < count; place += 1) {
      const seat = this.visible[place];
      const look = states.look(seat);
      const mark = states.marks[seat];
      // A chosen seat has its tick, one of the reader's own its dot, a wheelchair place its sign; numbers of seats that nobody can take say nothing.
      if (look >= 3 || house.kind[seat] === 1 || (look > 0 && !mark)) continue;
      const text = mark ? states.markings[mark].text || house.label(seat) : house.label(seat);
      const fill = (mark && states.markings[mark].colour) || colours[house.category[seat] + 1];
      pen.fillStyle = palette.forced ? palette.ink : inkOn(fill);
      pen.fillText(text.length > 4 ? text.slice(0, 3) + "…" : text, (house.x[seat] - camera.x) * scale, (house.y[seat] - camera.y) * scale + size * 0.06, house.size[seat] * scale * 0.8);
    }
  }

  /** A ring that widens and fades around seats that have just changed. */
  drawPulses() {
    const { pen, camera, house, palette } = this;
    const now = performance.now();
    for (const [seat, begun] of this.pulses) {
      const part = (now - begun) / PULSE_MILLISECONDS;
      if (part >= 1 || !house.isSeat(seat)) { this.pulses.delete(seat); continue; }
      const [x, y] = camera.toScreen(house.x[seat], house.y[seat]);
      const side = (house.size[seat] * camera.scale * (0.9 + 0.5 * part) + 4) * this.ratio;
      pen.globalAlpha = 0.7 * (1 - part) ** 2;
      pen.strokeStyle = palette.ink;
      pen.lineWidth = 2 * this.ratio;
      pen.beginPath();
      pen.roundRect(x * this.ratio - side / 2, y * this.ratio - side / 2, side, side, side * 0.25);
      pen.stroke();
    }
    pen.globalAlpha = 1;
  }

  /** The seat that the keyboard is at, and the rectangle that is being drawn. */
  drawCursor() {
    const { pen, camera, house, palette, ratio } = this;
    if (this.cursor >= 0) {
      const [x, y] = camera.toScreen(house.x[this.cursor], house.y[this.cursor]);
      const side = (Math.max(10, house.size[this.cursor] * camera.scale) + 5) * ratio;
      for (const [width, colour] of [[5, palette.ground], [2.5, palette.accent]]) {
        pen.strokeStyle = colour;
        pen.lineWidth = width * ratio;
        pen.beginPath();
        pen.roundRect(x * ratio - side / 2, y * ratio - side / 2, side, side, side * 0.28);
        pen.stroke();
      }
    }
    if (this.lasso) {
      const { left, top, right, bottom } = this.lasso;
      const [x, y] = camera.toScreen(left, top);
      const size = [(right - left) * camera.scale * ratio, (bottom - top) * camera.scale * ratio];
      pen.fillStyle = pen.strokeStyle = palette.accent;
      pen.globalAlpha = 0.12;
      pen.fillRect(x * ratio, y * ratio, ...size);
      pen.globalAlpha = 1;
      pen.lineWidth = 1.5 * ratio;
      pen.strokeRect(x * ratio, y * ratio, ...size);
    }
  }
}
