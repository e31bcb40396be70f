// A layer: many seats in one picture, so that a frame in which only the view or a drag moves costs one copy, however many seats it shows.

/** While the view is being zoomed, the picture is stretched up to this factor, and has more than is seen on each side: so much of width and height. */
const MOST_STRETCHED = 2;
const MARGIN = 0.25;
/** After so long without another zoom, the picture is painted in its true size. */
const REST_MILLISECONDS = 150;

export class Layer {
  /** `again` asks for another frame. */
  constructor(again) {
    Object.assign(this, { again, canvas: new OffscreenCanvas(1, 1), scale: 1, box: null, within: null, key: [], seats: 0, isDue: false, timer: 0 });
    this.context = this.canvas.getContext("2d");
  }

  /**
   * Draws what is in `seen`, the box of the plan that the context's canvas shows, at `scale` pixels for each unit. `key` lists what the picture depends
   * on, `within` gives the box of all that there is, and `paint(context, box)` paints a part of it in units of the plan, and returns how many seats that has.
   */
  draw(context, { seen, scale, key, within, paint }) {
    const isSame = this.key.length === key.length && key.every((part, place) => part === this.key[place]);
    const stretch = scale / this.scale;
    const mayStretch = !this.isDue && stretch <= MOST_STRETCHED && stretch >= 1 / MOST_STRETCHED;
    this.isDue = false;
    if (!isSame) {
      Object.assign(this, { key, within: within() });
      this.repaint(seen, scale, 0, paint);
    } else if (stretch === 1) {
      if (!this.has(seen)) this.scroll(seen, paint);
    } else if (mayStretch && this.has(seen)) {
      this.repaintSoon();
    } else {
      this.repaint(seen, scale, MARGIN, paint);
    }
    if (!this.seats) return;
    context.setTransform(1, 0, 0, 1, 0, 0);
    const size = [this.canvas.width, this.canvas.height].map((pixels) => Math.round(pixels * scale / this.scale));
    context.drawImage(this.canvas, Math.round((this.box.left - seen.left) * scale), Math.round((this.box.top - seen.top) * scale), ...size);
  }

  /** Whether all that there is to be seen is in the picture. */
  has(seen) {
    const { box, within } = this;
    return Math.max(seen.left, within.left) >= box.left && Math.max(seen.top, within.top) >= box.top
      && Math.min(seen.right, within.right) <= box.right && Math.min(seen.bottom, within.bottom) <= box.bottom;
  }
  repaint(seen, scale, margin, paint) {
    // Whole pixels, so that the picture's pixels are the screen's.
    const [across, down] = [seen.right - seen.left, seen.bottom - seen.top].map((side) => Math.ceil(margin * side * scale) / scale);
    const [left, top] = [seen.left - across, seen.top - down];
    const [width, height] = [Math.ceil((seen.right + across - left) * scale), Math.ceil((seen.bottom + down - top) * scale)];
    Object.assign(this, { scale, seats: 0 });
    this.place(left, top, width, height);
    // To set its size empties it.
    Object.assign(this.canvas, { width, height });
    this.part(0, 0, width, height, paint);
  }
  place(left, top, width, height) {
    this.box = { left, top, right: left + width / this.scale, bottom: top + height / this.scale };
  }
  /** Moves the picture to what is seen, and paints the strips that are new. */
  scroll(seen, paint) {
    const { scale, box, canvas: { width, height } } = this;
    const move = (from, to, has, size) => (from < to ? Math.floor((from - to) * scale) : Math.max(0, Math.ceil(has - size)));
    const x = move(seen.left, box.left, (seen.right - box.left) * scale, width);
    const y = move(seen.top, box.top, (seen.bottom - box.top) * scale, height);
    if (Math.abs(x) >= width || Math.abs(y) >= height) { this.repaint(seen, scale, 0, paint); return; }
    this.place(box.left + x / scale, box.top + y / scale, width, height);
    this.context.setTransform(1, 0, 0, 1, 0, 0);
    this.context.globalCompositeOperation = "copy";
    this.context.drawImage(this.canvas, -x, -y);
    this.context.globalCompositeOperation = "source-over";
    if (x) this.part(x > 0 ? width - x : 0, 0, Math.abs(x), height, paint);
    if (y) this.part(0, y > 0 ? height - y : 0, width, Math.abs(y), paint);
  }
  /** Paints a part of the picture, in its pixels. */
  part(x, y, width, height, paint) {
    const { context, scale, box } = this;
    const [left, top] = [box.left + x / scale, box.top + y / scale];
    context.save();
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.beginPath();
    context.rect(x, y, width, height);
    context.clip();
    context.clearRect(x, y, width, height);
    context.setTransform(scale, 0, 0, scale, -box.left * scale, -box.top * scale);
    this.seats += paint(context, { left, top, right: left + width / scale, bottom: top + height / scale });
    context.restore();
  }
  repaintSoon() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => { this.isDue = true; this.again(); }, REST_MILLISECONDS);
  }
}
