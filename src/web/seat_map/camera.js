// The camera: which part of the house is seen, how large, and its movements.

const MOST_SEAT_PIXELS = 56;
/** Pixels at the upper edge that have the stage's name, and at the lower right those of the buttons. */
const HEAD = 32;
const [FOOT, BUTTONS] = [56, 130];
const GLIDE_MILLISECONDS = 260;

export class Camera {
  constructor(moved) {
    Object.assign(this, { moved, width: 1, height: 1, x: 0, y: 0, scale: 1, least: 1, most: 1, foot: FOOT, house: null, glide: null, free: false });
  }

  /** Another house, seen whole. */
  look(house) {
    this.house = house;
    this.free = false;
    this.fit();
  }

  resize(width, height) {
    Object.assign(this, { width: Math.max(1, width), height: Math.max(1, height) });
    if (this.house) { if (this.free) { this.bounds(); this.clamp(); this.moved(); } else this.fit(); }
  }

  bounds() {
    const { left, top, right, bottom } = this.house.box;
    const edge = Math.min(32, this.width / 18);
    const across = (this.width - 2 * edge) / (right - left);
    const down = (foot) => Math.max(1, this.height - HEAD - foot) / (bottom - top);
    // A house that is narrow stands beside the buttons, a wide one above them.
    this.foot = this.width - (right - left) * Math.min(across, down(edge)) > 2 * BUTTONS ? edge : FOOT;
    this.most = MOST_SEAT_PIXELS / this.house.pitch;
    this.least = Math.min(across, down(this.foot), this.most * 0.8);
  }

  /** All of the house. */
  fit() {
    this.bounds();
    this.stop();
    this.scale = this.least;
    this.free = false;
    this.center();
    this.moved();
  }
  center() {
    const { left, top, right, bottom } = this.house.box;
    this.x = (left + right) / 2 - this.width / 2 / this.scale;
    this.y = (top + bottom) / 2 - (this.height + HEAD - this.foot) / 2 / this.scale;
  }

  toHouse(x, y) { return [this.x + x / this.scale, this.y + y / this.scale]; }
  toScreen(x, y) { return [(x - this.x) * this.scale, (y - this.y) * this.scale]; }
  get box() { return { left: this.x, top: this.y, right: this.x + this.width / this.scale, bottom: this.y + this.height / this.scale }; }
  get whole() { return this.scale <= this.least * 1.001; }

  /** The house stays in sight: its middle part never leaves the picture. */
  clamp() {
    this.scale = Math.min(this.most, Math.max(this.least, this.scale));
    const { left, top, right, bottom } = this.house.box;
    const within = (at, from, to, seen) => {
      const margin = Math.min(seen * 0.2, (to - from) * 0.5);
      if (to - from + 2 * margin <= seen) return (from + to) / 2 - seen / 2;
      return Math.min(to + margin - seen, Math.max(from - margin, at));
    };
    this.x = within(this.x, left, right, this.width / this.scale);
    this.y = within(this.y, top, bottom, this.height / this.scale);
  }

  pan(dx, dy) {
    this.stop();
    this.x -= dx / this.scale;
    this.y -= dy / this.scale;
    this.free = true;
    this.clamp();
    this.moved();
  }

  /** Larger by a factor; the point under the pointer stays where it is. */
  zoom(factor, x = this.width / 2, y = this.height / 2) {
    this.stop();
    const [houseX, houseY] = this.toHouse(x, y);
    this.scale = Math.min(this.most, Math.max(this.least, this.scale * factor));
    this.x = houseX - x / this.scale;
    this.y = houseY - y / this.scale;
    this.free = !this.whole;
    this.clamp();
    this.moved();
  }

  /** Moves to a box of the house, gently unless motion is unwanted. */
  show(box, still = false) {
    const [width, height] = [Math.max(box.right - box.left, this.house.pitch * 16), Math.max(box.bottom - box.top, this.house.pitch * 10)];
    const scale = Math.min(this.most, Math.max(this.least, Math.min(this.width / width, this.height / height) * 0.86));
    const target = { scale, x: (box.left + box.right) / 2, y: (box.top + box.bottom) / 2 };
    this.stop();
    this.free = true;
    if (still) { this.place(target); return; }
    const begin = { scale: this.scale, x: this.x + this.width / 2 / this.scale, y: this.y + this.height / 2 / this.scale };
    const started = performance.now();
    const step = (now) => {
      const part = Math.min(1, (now - started) / GLIDE_MILLISECONDS);
      const eased = 1 - (1 - part) ** 3;
      const between = (from, to) => from + (to - from) * eased;
      this.place({ scale: begin.scale * (target.scale / begin.scale) ** eased, x: between(begin.x, target.x), y: between(begin.y, target.y) });
      this.glide = part < 1 ? requestAnimationFrame(step) : null;
    };
    this.glide = requestAnimationFrame(step);
  }
  place({ scale, x, y }) {
    this.scale = scale;
    this.x = x - this.width / 2 / scale;
    this.y = y - this.height / 2 / scale;
    this.clamp();
    this.moved();
  }
  stop() {
    if (this.glide !== null) cancelAnimationFrame(this.glide);
    this.glide = null;
  }

  /** Moves only as far as a point needs to be well in sight. */
  reveal(x, y, still) {
    const [atX, atY] = this.toScreen(x, y);
    const edge = Math.min(60, this.width / 5, this.height / 5);
    if (atX >= edge && atX <= this.width - edge && atY >= edge && atY <= this.height - edge) return;
    const half = { x: this.width / 2 / this.scale * 0.86, y: this.height / 2 / this.scale * 0.86 };
    this.show({ left: x - half.x, right: x + half.x, top: y - half.y, bottom: y + half.y }, still);
  }
}
