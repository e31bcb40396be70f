// The sheet: all seats of a large house in one picture, and in halves of it, so that a frame costs one copy however many seats it shows.

const MOST_PIXELS = 4096;
const SMALL_DEVICE_PIXELS = 2048;
const SEAT_PIXELS = 12;
const CHUNK = 500;
// Larger than they are here, so many seats are rather stamped one by one.
const MOST_STAMPED_BESIDE = 12000;
// Of a frame's 16 ms, or of idle time.
const BUDGET_MILLISECONDS = 5;

export class Sheet {
  constructor(painter) {
    this.painter = painter;
    const { left, top, right, bottom } = painter.house.box;
    const most = matchMedia("(pointer: coarse)").matches ? SMALL_DEVICE_PIXELS : MOST_PIXELS;
    this.scale = Math.min(SEAT_PIXELS / painter.house.pitch, most / (right - left), most / (bottom - top));
    this.levels = [];
    for (let scale = this.scale; this.levels.length < 4 && scale * painter.house.pitch >= 0.7; scale /= 2) {
      const canvas = new OffscreenCanvas(Math.ceil((right - left) * scale), Math.ceil((bottom - top) * scale));
      this.levels.push({ canvas, pen: canvas.getContext("2d"), scale });
    }
    [this.left, this.top] = [left, top];
    this.one = new Uint32Array(1);
    this.all = Uint32Array.from({ length: painter.house.seats }, (_, seat) => seat);
    this.painted = 0;
    /** Once it was painted whole, it can be shown; later changes are painted over it. */
    this.ready = false;
    this.waiting = false;
    this.stale();
  }

  /** Everything looks different: it is painted again while nothing else is to do. */
  stale() {
    this.painted = 0;
    if (this.waiting) return;
    this.waiting = true;
    const go = (then) => globalThis.requestIdleCallback ? requestIdleCallback(then, { timeout: 200 }) : setTimeout(then, 30);
    const step = () => {
      if (this.painter.sheet === this && this.painter.palette) this.paint();
      if (this.painter.sheet === this && this.painted < this.all.length) go(step); else this.waiting = false;
    };
    go(step);
  }

  /** One seat looks different. */
  repaint(seat) {
    if (seat >= this.painted && !this.ready) return;
    const { house } = this.painter;
    this.one[0] = seat;
    for (const { pen, scale } of this.levels) {
      const side = house.size[seat] * scale;
      pen.clearRect(Math.round((house.x[seat] - this.left) * scale - side / 2), Math.round((house.y[seat] - this.top) * scale - side / 2), Math.ceil(side), Math.ceil(side));
      this.painter.stamp(pen, this.one, 1, scale, this.left, this.top);
    }
  }

  /** Paints some more of what is missing, so that no frame takes long. */
  paint() {
    const [first] = this.levels;
    const begun = performance.now();
    while (this.painted < this.all.length && performance.now() - begun < BUDGET_MILLISECONDS) {
      const some = this.all.subarray(this.painted, this.painted + CHUNK);
      this.painter.stamp(first.pen, some, some.length, first.scale, this.left, this.top);
      this.painted += some.length;
    }
    if (this.painted < this.all.length) return;
    for (let place = 1; place < this.levels.length; place += 1) {
      const { pen, canvas } = this.levels[place];
      pen.clearRect(0, 0, canvas.width, canvas.height);
      pen.imageSmoothingQuality = "medium";
      pen.drawImage(this.levels[place - 1].canvas, 0, 0, canvas.width, canvas.height);
    }
    this.ready = true;
    this.painter.ask();
  }

  /** Copies what the camera sees. False if it is not painted yet, or if the camera rests and sees the seats larger than they are here. */
  draw(seatPixels) {
    const { painter } = this;
    const { camera, pen, ratio } = painter;
    const wanted = camera.scale * ratio;
    if (!this.ready || (!painter.isMoving && wanted > this.scale * 2.2 && painter.grid.estimate(camera.box) <= MOST_STAMPED_BESIDE)) return false;
    const level = this.levels.findLast((one) => one.scale >= wanted * 0.98) ?? this.levels[0];
    const part = { x: (camera.x - this.left) * level.scale, y: (camera.y - this.top) * level.scale,
      width: camera.width / camera.scale * level.scale, height: camera.height / camera.scale * level.scale };
    pen.imageSmoothingEnabled = true;
    pen.imageSmoothingQuality = "low";
    // Only what the sheet has: browsers differ in how they take a source that reaches beyond it.
    const [from, to] = [Math.max(0, part.x), Math.min(level.canvas.width, part.x + part.width)];
    const [upper, lower] = [Math.max(0, part.y), Math.min(level.canvas.height, part.y + part.height)];
    if (to <= from || lower <= upper) return true;
    const zoom = wanted / level.scale;
    pen.drawImage(level.canvas, from, upper, to - from, lower - upper, (from - part.x) * zoom, (upper - part.y) * zoom, (to - from) * zoom, (lower - upper) * zoom);
    return seatPixels > 0;
  }
}
