// Sprites: each look of a seat, painted once for a size and then stamped.

import { KINDS } from "./house.js";
import { LOOKS, inkOn } from "./palette.js";

const MOST_SPRITES = 3000;
const DETAIL_PIXELS = 9;

export class Sprites {
  constructor() {
    this.made = new Map();
    this.palette = null;
  }
  use(palette) {
    this.palette = palette;
    this.made.clear();
  }

  /** Marks are numbered anew: what was painted for a number is of another mark. */
  forget() { this.made.clear(); }

  /** The picture of a seat of `size` pixels. `colour` is its category's, `mark` an operator's { colour, text }. */
  get(key, size, look, colour, kind, mark) {
    let sprite = this.made.get(key);
    if (!sprite) {
      if (this.made.size > MOST_SPRITES) this.made.clear();
      sprite = this.paint(size, LOOKS[look], colour, KINDS[kind], mark);
      this.made.set(key, sprite);
    }
    return sprite;
  }

  paint(size, look, colour, kind, mark) {
    const canvas = new OffscreenCanvas(size, size);
    const pen = canvas.getContext("2d");
    const inset = size < 5 ? 0 : size * 0.07;
    const side = size - 2 * inset;
    const shape = () => { pen.beginPath(); pen.roundRect(inset, inset, side, side, size < DETAIL_PIXELS ? size * 0.12 : [side * 0.28, side * 0.28, side * 0.18, side * 0.18]); };
    const paint = this[look + "Seat"];
    paint.call(this, pen, shape, size, mark?.colour ?? colour, Boolean(mark?.colour));
    if (size >= DETAIL_PIXELS && look !== "chosen") this.kindMark(pen, size, kind, look === "free" ? inkOn(mark?.colour ?? colour) : this.palette.ink);
    return canvas;
  }

  outline(pen, shape, size, colour, width = 0.08, dash = []) {
    pen.save();
    shape();
    pen.clip();
    pen.lineWidth = Math.max(1, size * width) * 2;
    pen.setLineDash(dash);
    pen.strokeStyle = colour;
    pen.stroke();
    pen.restore();
  }
  fill(pen, shape, colour) {
    shape();
    pen.fillStyle = colour;
    pen.fill();
  }

  freeSeat(pen, shape, size, colour) {
    this.fill(pen, shape, colour);
    if (this.palette.forced) this.outline(pen, shape, size, this.palette.ink);
  }
  heldSeat(pen, shape, size, colour, marked) {
    if (marked) { this.fill(pen, shape, colour); return; }
    const { forced, held, ground } = this.palette;
    this.fill(pen, shape, ground);
    this.outline(pen, shape, size, held, 0.09, forced && size >= DETAIL_PIXELS ? [size / 6, size / 8] : []);
    if (size < DETAIL_PIXELS) return;
    pen.save();
    shape();
    pen.clip();
    pen.strokeStyle = held;
    pen.lineWidth = Math.max(1, size * 0.07);
    for (let at = -size; at < size; at += size * 0.3) {
      pen.beginPath();
      pen.moveTo(at, size);
      pen.lineTo(at + size, 0);
      pen.stroke();
    }
    pen.restore();
  }
  soldSeat(pen, shape, size, colour, marked) {
    this.fill(pen, shape, marked ? colour : this.palette.sold);
  }
  chosenSeat(pen, shape, size) {
    const { accent, "on-accent": onAccent } = this.palette;
    this.fill(pen, shape, accent);
    if (size < DETAIL_PIXELS) return;
    pen.strokeStyle = onAccent;
    pen.lineWidth = Math.max(1.5, size * 0.11);
    pen.lineCap = pen.lineJoin = "round";
    pen.beginPath();
    pen.moveTo(size * 0.29, size * 0.53);
    pen.lineTo(size * 0.44, size * 0.68);
    pen.lineTo(size * 0.72, size * 0.35);
    pen.stroke();
  }
  mineSeat(pen, shape, size) {
    const { accent, ground } = this.palette;
    this.fill(pen, shape, ground);
    this.outline(pen, shape, size, accent, 0.13);
    pen.fillStyle = accent;
    pen.beginPath();
    pen.arc(size / 2, size / 2, size * 0.17, 0, 7);
    pen.fill();
  }

  /** A wheel, a hand's plus, a shaded corner. */
  kindMark(pen, size, kind, ink) {
    pen.strokeStyle = pen.fillStyle = ink;
    pen.lineWidth = Math.max(1, size * 0.07);
    if (kind === "wheelchair") {
      pen.beginPath();
      pen.arc(size * 0.48, size * 0.6, size * 0.19, -0.6, 3.9);
      pen.stroke();
      pen.beginPath();
      pen.arc(size * 0.44, size * 0.25, size * 0.07, 0, 7);
      pen.fill();
      pen.beginPath();
      pen.moveTo(size * 0.44, size * 0.34);
      pen.lineTo(size * 0.46, size * 0.56);
      pen.lineTo(size * 0.64, size * 0.56);
      pen.lineTo(size * 0.74, size * 0.74);
      pen.stroke();
    } else if (kind === "companion") {
      pen.fillRect(size * 0.72, size * 0.16, size * 0.07, size * 0.2);
      pen.fillRect(size * 0.655, size * 0.225, size * 0.2, size * 0.07);
    } else if (kind === "restrictedView") {
      pen.globalAlpha = 0.35;
      pen.beginPath();
      pen.moveTo(size * 0.07, size * 0.93);
      pen.lineTo(size * 0.5, size * 0.93);
      pen.lineTo(size * 0.07, size * 0.5);
      pen.fill();
      pen.globalAlpha = 1;
    }
  }
}
