// Gestures on the map: pointers pan, pinch and choose; the wheel zooms; keys move from seat to seat.

const MOVED_PIXELS = 5;
const TOUCH_SEAT_PIXELS = 14;
const MOUSE_SEAT_PIXELS = 8;
const LASSO_SEAT_PIXELS = 5;
const ARROWS = ["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown", "Home", "End"];

/**
 * Follows pointers and keys on a canvas. `on` is told: `tap(seat)`, `area(area)`, `zoomTo(x, y)`, `lasso(box, isDone)`, `hover(seat, x, y)`,
 * `cursor(key)`, `press()` for the seat under the cursor. `may` says what is allowed: `lasso(seat)`.
 */
export class Gestures {
  constructor(canvas, camera, look, on) {
    Object.assign(this, { canvas, camera, look, on, pointers: new Map(), mode: null, begun: null });
    const listen = (name, then, options) => canvas.addEventListener(name, (event) => { if (this.look().house) then.call(this, event); }, options);
    listen("pointerdown", this.down);
    listen("pointermove", this.move);
    listen("pointerup", this.up);
    listen("pointercancel", this.cancel);
    listen("pointerleave", () => this.on.hover(-1));
    listen("wheel", this.wheel, { passive: false });
    listen("dblclick", this.double);
    listen("keydown", this.key);
  }

  at(event) {
    const box = this.canvas.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  }
  seatAt(x, y) {
    return this.look().grid.at(...this.camera.toHouse(x, y));
  }
  seatPixels() {
    return this.look().house.pitch * this.camera.scale;
  }

  down(event) {
    if (event.button > 0) return;
    this.camera.stop();
    this.canvas.setPointerCapture(event.pointerId);
    this.pointers.set(event.pointerId, this.at(event));
    if (this.pointers.size > 1) { this.mode = "pinch"; this.on.lasso(null); return; }
    const [x, y] = this.at(event);
    this.begun = { x, y, last: [x, y], seat: this.seatAt(x, y), isTouch: event.pointerType === "touch" };
    this.begun.wantsLasso = !this.begun.isTouch && this.seatPixels() >= LASSO_SEAT_PIXELS && this.on.mayLasso(this.begun.seat, event.shiftKey);
    this.mode = "press";
  }

  move(event) {
    const [x, y] = this.at(event);
    if (!this.pointers.has(event.pointerId)) {
      if (event.pointerType !== "touch") this.on.hover(this.seatPixels() >= MOUSE_SEAT_PIXELS ? this.seatAt(x, y) : -1, x, y);
      return;
    }
    if (this.mode === "pinch") { this.pinch(event.pointerId, [x, y]); return; }
    this.pointers.set(event.pointerId, [x, y]);
    const { begun } = this;
    if (this.mode === "press" && Math.hypot(x - begun.x, y - begun.y) > MOVED_PIXELS) {
      this.mode = begun.wantsLasso ? "lasso" : "pan";
      this.on.hover(-1);
    }
    if (this.mode === "pan") this.camera.pan(x - begun.last[0], y - begun.last[1]);
    if (this.mode === "lasso") this.on.lasso(this.boxTo(x, y), false);
    begun.last = [x, y];
  }
  boxTo(x, y) {
    const [fromX, fromY] = this.camera.toHouse(this.begun.x, this.begun.y);
    const [toX, toY] = this.camera.toHouse(x, y);
    return { left: Math.min(fromX, toX), right: Math.max(fromX, toX), top: Math.min(fromY, toY), bottom: Math.max(fromY, toY) };
  }
  pinch(id, now) {
    const [other] = [...this.pointers].filter(([one]) => one !== id).map(([, at]) => at);
    const before = this.pointers.get(id);
    this.pointers.set(id, now);
    if (!other) return;
    const apart = (one) => Math.max(10, Math.hypot(one[0] - other[0], one[1] - other[1]));
    const middle = (one) => [(one[0] + other[0]) / 2, (one[1] + other[1]) / 2];
    const [from, to] = [middle(before), middle(now)];
    this.camera.pan(to[0] - from[0], to[1] - from[1]);
    this.camera.zoom(apart(now) / apart(before), ...to);
  }

  up(event) {
    if (!this.pointers.delete(event.pointerId)) return;
    const [x, y] = this.at(event);
    const { mode } = this;
    if (mode === "pinch") { if (!this.pointers.size) this.mode = null; return; }
    this.mode = null;
    if (mode === "lasso") this.on.lasso(this.boxTo(x, y), true);
    if (mode === "press") this.tap(x, y, this.begun.isTouch);
  }
  cancel(event) {
    this.pointers.delete(event.pointerId);
    if (!this.pointers.size) this.mode = null;
    this.on.lasso(null);
  }

  tap(x, y, isTouch) {
    const [houseX, houseY] = this.camera.toHouse(x, y);
    const area = this.look().house.areas.find(({ box }) => houseX >= box.left && houseX <= box.right && houseY >= box.top && houseY <= box.bottom);
    const seat = this.seatAt(x, y);
    const large = this.seatPixels() >= (isTouch ? TOUCH_SEAT_PIXELS : MOUSE_SEAT_PIXELS);
    if (seat >= 0 && large) this.on.tap(seat);
    else if (area && seat < 0) this.on.area(area);
    else if (!large) this.on.zoomTo(houseX, houseY);
  }
  double(event) {
    const [x, y] = this.at(event);
    if (this.seatAt(x, y) < 0) this.camera.zoom(1.8, x, y);
  }
  wheel(event) {
    const out = event.deltaY > 0;
    // Zoomed out as far as it goes, the wheel scrolls the page on.
    if (out && this.camera.whole && !event.ctrlKey) return;
    event.preventDefault();
    const lines = event.deltaMode === 1 ? 30 : 1;
    this.camera.zoom(Math.exp(-Math.max(-120, Math.min(120, event.deltaY * lines)) * (event.ctrlKey ? 0.01 : 0.0022)), ...this.at(event));
  }

  key(event) {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    if (ARROWS.includes(event.key)) this.on.cursor(event.key);
    else if (event.key === " " || event.key === "Enter") this.on.press();
    else if (event.key === "+" || event.key === "=") this.camera.zoom(1.4);
    else if (event.key === "-") this.camera.zoom(1 / 1.4);
    else if (event.key === "0") this.camera.fit();
    else return;
    event.preventDefault();
  }
}
