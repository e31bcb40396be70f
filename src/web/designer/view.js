// The view: which part of the plan is seen, and how large. One plan unit is `scale` pixels.

const [LEAST, MOST] = [0.01, 3];

/** The view of a canvas of `width` and `height` pixels. */
export class View {
  constructor() {
    Object.assign(this, { x: 0, y: 0, scale: 0.5, width: 1, height: 1 });
  }
  /** Where a point of the plan is on the canvas. */
  toScreen(x, y) {
    return { x: (x - this.x) * this.scale + this.width / 2, y: (y - this.y) * this.scale + this.height / 2 };
  }
  /** Which point of the plan is there on the canvas. */
  toPlan(x, y) {
    return { x: (x - this.width / 2) / this.scale + this.x, y: (y - this.height / 2) / this.scale + this.y };
  }
  pan(x, y) {
    this.x -= x / this.scale;
    this.y -= y / this.scale;
  }
  /** Larger or smaller by a factor; the point under `x`, `y` stays where it is. */
  zoom(factor, x = this.width / 2, y = this.height / 2) {
    const before = this.toPlan(x, y);
    this.scale = Math.min(MOST, Math.max(LEAST, this.scale * factor));
    const after = this.toPlan(x, y);
    this.x += before.x - after.x;
    this.y += before.y - after.y;
  }
  /** All of a rectangle is seen. */
  fit({ left, top, right, bottom }, most = 1) {
    this.x = (left + right) / 2;
    this.y = (top + bottom) / 2;
    const fitting = Math.min((this.width - 48) / Math.max(1, right - left), (this.height - 48) / Math.max(1, bottom - top));
    this.scale = Math.min(most, MOST, Math.max(LEAST, fitting));
  }
}
