// <seat-map>: the seats of a showtime, live, to choose from. Works on every page, also of another origin.
//
// Attributes
//   showtime      the showtime's id
//   server        the server's origin; absent: the one that this module came from
//   max           most places that may be chosen at once, 20 if absent; the showtime's own limit holds too
//   readonly      nothing can be chosen
//   choose="any"  also places that are not available can be chosen (for operators)
//   drag="select" dragging always selects; without it, dragging from a free seat selects and from elsewhere moves the map
//   channel-key   the key of a channel, sent with `hold`
//   list          the list of seats is open
//   no-legend     without the legend
// Properties
//   house         a plan (/schemas/auditorium-1.json) or a layout, drawn without a showtime; null: none
//   chosen        the chosen seats' ids (read); areas: [{ areaId, quantity }] wanted (read)
//   statuses      a byte for each place, 0 available, 1 reserved, 2 sold; set it to show others than the live ones (null: live again)
//   listing, layout, sequence, state   what is known of the showtime (read); `ready` is a promise of the first statuses
// Methods
//   choose(ids)   chooses these besides, as far as they may be; the ids that are chosen
//   unchoose(ids) gives these up; want(areaId, quantity) wants so many places of an area
//   clear()       nothing is chosen, and no place of an area wanted; focusMap() gives the map the keyboard's focus
//   seat(id)      { seatId, index, section, row, label, name, kind, category, note, status, tariffs, area }; null if it is none
//   name(id)      its short name, such as `Stalls A12`
//   own(ids)      these are the reader's own
//   show(ids)     moves the map to these seats; without ids to the whole house
//   locate(id)    the middle of a seat as { x, y, size } in the window
//   hold({ userId, key, tariffs, body, alternatives })   reserves what is chosen; the server's answer, or throws its refusal
// Events (none of them bubbles out of a frame; all carry `detail`)
//   loaded        { listing }                  seats-chosen  { seatIds, areas, count, isCut }
//   seat-lost     { seatIds, names }           seats-held    the server's answer
//   status        { state, text }              change        { sequence, seatIds, status, listing }
//   failed        { status, code, message }    seat-pressed  { seatId } of a seat that cannot be chosen
// Parts: frame, map, controls, list-button, whole-button, larger, smaller, tip, legend, areas, list, seat, wait
// Custom properties: --seat-map-ground, -ink, -soft, -line, -accent, -on-accent, -free, -held, -sold, -stage, -font

import { Feed, statusOf } from "../lib/live.js";
import { say } from "../lib/dom.js";
import { money } from "../lib/format.js";
import { call } from "../lib/server.js";
import { Areas } from "./areas.js";
import { Camera } from "./camera.js";
import { Choosing } from "./choosing.js";
import { build, fillLegend } from "./frame.js";
import { Gestures } from "./gestures.js";
import { Grid } from "./grid.js";
import { hold } from "./holding.js";
import { House, KINDS } from "./house.js";
import { Painter } from "./painter.js";
import { readPalette } from "./palette.js";
import { tariffsOf } from "./prices.js";
import { FREE, States } from "./states.js";

const MOST_CHOSEN = 20;
const OWN_ORIGIN = new URL(import.meta.url).origin;

export class SeatMap extends HTMLElement {
  static observedAttributes = ["showtime", "server", "readonly", "list", "no-legend", "max"];

  constructor() {
    super();
    this.parts = build(this);
    Object.assign(this, { feed: null, listing: {}, layout: null, model: null, grid: null, states: null, palette: null, past: null, seats: null,
      state: "off", hovered: -1, choosing: new Choosing(this) });
    this.expectReady();
    this.camera = new Camera(() => this.moved());
    this.painter = new Painter(this.parts.canvas, this.camera, null);
    this.gestures = new Gestures(this.parts.canvas, this.camera, () => ({ house: this.model, grid: this.grid }), {
      tap: (seat) => this.press(seat), area: (area) => this.counts.focus(area), zoomTo: (x, y) => this.zoomTo(x, y),
      lasso: (box, isDone) => this.lasso(box, isDone), mayLasso: (seat, shift) => this.choosing.mayLasso(seat, shift), hover: (seat, x, y) => this.hover(seat, x, y),
      cursor: (key) => this.step(key), press: () => this.pressCursor() });
    this.counts = new Areas(this.parts.areas, () => this.choosing.room(), (isCut) => { this.painter.ask(); this.choosing.tell(isCut); });
    this.resized = new ResizeObserver(() => this.resize());
    const { parts } = this;
    parts.whole.addEventListener("click", () => this.camera.fit());
    parts.larger.addEventListener("click", () => this.camera.zoom(1.5));
    parts.smaller.addEventListener("click", () => this.camera.zoom(1 / 1.5));
    parts.toggle.addEventListener("click", () => this.toggleAttribute("list"));
    parts.canvas.addEventListener("blur", () => { this.painter.cursor = -1; this.painter.ask(); });
    this.looks = ["(prefers-color-scheme: dark)", "(forced-colors: active)", "(prefers-contrast: more)"].map((query) => matchMedia(query));
    this.repaint = () => this.usePalette();
  }

  connectedCallback() {
    this.resized.observe(this.parts.frame);
    for (const look of this.looks) look.addEventListener("change", this.repaint);
    this.usePalette();
    this.showList();
    this.follow();
  }
  disconnectedCallback() {
    this.resized.disconnect();
    for (const look of this.looks) look.removeEventListener("change", this.repaint);
    this.unfollow();
  }
  attributeChangedCallback(name, before, now) {
    if (!this.isConnected || before === now) return;
    if (name === "showtime" || name === "server") this.follow();
    if (name === "list") this.showList();
    if (this.model && (name === "readonly" || name === "no-legend")) this.dress();
  }

  get server() { return this.getAttribute("server")?.replace(/\/+$/, "") || (OWN_ORIGIN === location.origin ? "" : OWN_ORIGIN); }
  get isReadonly() { return this.hasAttribute("readonly"); }
  get max() { 
    const wanted = Number(this.getAttribute("max")) || MOST_CHOSEN;
    return this.chooses("any") ? wanted : Math.min(wanted, this.listing.placesPerBooking ?? MOST_CHOSEN, MOST_CHOSEN);
  }
  get sequence() { return this.feed?.sequence ?? 0; }
  get chosen() { return this.states ? [...this.states.chosen].map((seat) => this.model.id(seat)) : []; }
  get areas() { return this.states ? [...this.states.wanted].filter(([, quantity]) => quantity).map(([areaId, quantity]) => ({ areaId, quantity })) : []; }
  get statuses() { return this.states?.codes ?? null; }
  set statuses(codes) {
    this.past = codes;
    if (this.states && (codes ?? this.lately)) this.adopt(codes ?? this.lately, false);
  }
  get house() { return this.given ?? null; }
  set house(given) {
    this.given = given;
    this.unfollow();
    if (!given) this.empty();
    else if (given.rows) this.build(given);
    else this.draw(given);
  }
  /** Only pages that draw plans load what reads them. */
  async draw(plan) {
    const { layoutOf } = await import("./plan.js");
    if (this.given === plan) this.build(layoutOf(plan));
  }
  /** The list of seats, open or not; it is loaded when it is opened for the first time. */
  async showList() {
    this.parts.toggle.setAttribute("aria-expanded", String(this.hasAttribute("list")));
    if (this.hasAttribute("list") && !this.seats) {
      const { listOf } = await import("./list.js");
      this.seats ??= listOf(this);
    }
    this.seats?.show(this.hasAttribute("list"));
  }
  chooses(word) { return this.getAttribute("choose") === word; }
  tell(name, detail) { this.dispatchEvent(new CustomEvent(name, { detail })); }
  expectReady() { this.ready = new Promise((done) => { this.isReady = done; }); }

  /** Follows the showtime of the attribute. */
  follow() {
    const showtime = this.getAttribute("showtime");
    if (this.given || this.feed?.key === showtime + this.server) return;
    this.unfollow();
    this.empty();
    if (!showtime) return;
    this.expectReady();
    this.feed = new Feed(showtime, {
      layout: (layout) => this.learn(layout), statuses: (sequence, codes) => this.adopt(codes),
      change: (sequence, seats, code, listing) => this.change(sequence, seats, code, listing),
      state: (state, text) => { this.state = state; this.tell("status", { state, text }); }, failed: (refusal) => this.fail(refusal) }, this.server);
    this.feed.key = showtime + this.server;
  }
  unfollow() { this.feed?.end(); this.feed = null; }
  empty() {
    const had = this.chosen.length + this.areas.length > 0;
    Object.assign(this, { model: null, grid: null, states: null, layout: null, listing: {}, lately: null, past: null });
    if (had) this.tell("seats-chosen", { seatIds: [], areas: [], count: 0, isCut: false });
    this.painter.house = null;
    this.parts.canvas.width = this.parts.canvas.width;
    this.parts.wait.hidden = false;
    say(this.parts.wait, this.given || this.getAttribute("showtime") ? "Loading the seats…" : "");
    for (const part of [this.parts.areas, this.parts.list, this.parts.legend]) part.replaceChildren();
  }
  fail(refusal) {
    if (!this.lately) say(this.parts.wait, refusal.status === 404 ? "There is no such showtime." : refusal.message);
    this.tell("failed", { status: refusal.status, code: refusal.code, message: refusal.message });
  }

  /** The layout, or the same with other terms. */
  learn(layout) {
    if (this.isMoved(layout)) { this.reopen(); return; }
    if (this.layout?.seatIdPrefix === layout.seatIdPrefix) { this.setListing(layout); return; }
    this.build(layout);
    this.learnCategories(layout);
  }
  build(layout) {
    this.layout = layout;
    this.model = new House(layout);
    this.grid = new Grid(this.model);
    this.states = new States(this.model);
    this.painter.states = this.states;
    this.setListing(layout, true);
    this.seats?.look(this.model, this.states, this.grid);
    this.camera.look(this.model);
    this.painter.look(this.model, this.grid);
    this.dress();
    if (this.given) { this.parts.wait.hidden = true; this.isReady(); this.tell("loaded", { listing: this.listing }); }
  }
  /** Names and colours of categories, which the layout has only the keys of. */
  async learnCategories({ auditorium }) {
    const house = this.model;
    if (!auditorium || !house.categories.length) return;
    try {
      const plan = await call("GET", "/api/auditoriums/" + auditorium.id + "/categories?version=" + auditorium.version, { server: this.server });
      if (house !== this.model) return;
      for (const { key, name, colour } of plan.categories ?? []) Object.assign(house.categories.find((one) => one.key === key) ?? {}, { name: name ?? key, colour });
      this.usePalette();
      this.tell("loaded", { listing: this.listing });
    } catch { /* The keys and the palette's colours do. */ }
  }
  setListing(all, isNew = false) {
    const { rows, areas, seats, seatIdPrefix, categories, ...listing } = all;
    const differs = isNew || JSON.stringify({ ...listing, sequence: 0 }) !== JSON.stringify({ ...this.listing, sequence: 0 });
    this.listing = listing;
    if (differs && !isNew) { this.dress(); this.tell("change", { sequence: this.sequence, seatIds: [], status: null, listing }); }
  }
  /** What depends on terms and colours. */
  dress() {
    if (!this.model || !this.palette) return;
    const { parts } = this;
    fillLegend(parts.legend, this.palette, this.model, this.listing.prices, this.isReadonly);
    parts.legend.hidden = this.hasAttribute("no-legend");
    this.counts.look(this.model, this.states, (area) => this.price(area.first), this.isReadonly);
    parts.canvas.setAttribute("aria-label", "Seat map" + (this.listing.movieTitle ? " of " + this.listing.movieTitle : ""));
    this.seats?.changedAll();
  }
  usePalette() {
    this.palette = readPalette(this.shadowRoot, this);
    this.painter.use(this.palette);
    this.dress();
  }
  resize() {
    const { width, height } = this.parts.frame.getBoundingClientRect();
    this.painter.resize(width, height);
    this.camera.resize(width, height);
    // Drawn at once: a canvas is blank after it changed its size.
    this.painter.draw();
  }
  moved() {
    this.parts.canvas.classList.toggle("whole", this.camera.whole);
    this.parts.whole.hidden = this.parts.smaller.hidden = this.camera.whole;
    this.painter.moved();
  }

  /** All statuses as they are. */
  adopt(codes, isLive = true) {
    const isFirst = !this.lately;
    if (isLive) { this.lately = codes.slice(); if (this.past) return; }
    const differ = this.states.adopt(codes);
    if (isFirst || differ.length > 2000) { this.painter.changedAll(); this.seats?.changedAll(); } else this.repaintSeats(differ, isLive);
    this.counts.paintAll();
    this.choosing.loosen(differ);
    this.parts.wait.hidden = true;
    if (isFirst) { this.isReady(); this.tell("loaded", { listing: this.listing }); }
    else if (isLive && differ.length) this.tell("change", { sequence: this.sequence, seatIds: differ.map((seat) => this.model.id(seat)), status: null });
  }
  /** Whether the showtime has another version of its auditorium than what is drawn: other categories, kinds and places on the plan. */
  isMoved(listing) {
    return Boolean(this.layout) && Boolean(listing.movieTitle) && listing.auditorium?.version !== this.layout.auditorium?.version;
  }
  reopen() {
    const { chosen } = this;
    this.unfollow();
    this.follow();
    this.ready.then(() => this.choose(chosen));
  }
  change(sequence, seats, code, listing) {
    if (listing && this.isMoved(listing)) import("./moving.js").then(({ reopenLater }) => reopenLater(this));
    for (const seat of seats) this.lately[seat] = code;
    // A new listing is there as a whole: what it lacks is not set any more. A cancellation is only its reason.
    if (listing) this.setListing(listing.movieTitle ? listing : { ...this.listing, ...listing });
    if (!this.past) {
      const differ = this.states.change(seats, code);
      this.repaintSeats(differ, true);
      if (differ.some((seat) => !this.model.isSeat(seat))) this.counts.paintAll();
      this.choosing.loosen(differ);
    }
    this.tell("change", { sequence, seatIds: seats.map((seat) => this.model.id(seat)), status: seats.length ? statusOf(code) : null, listing: listing && this.listing });
  }
  repaintSeats(seats, pulse = false) {
    this.painter.changed(seats, pulse);
    this.seats?.changed(seats);
  }
  press(seat) {
    this.painter.cursor = this.painter.cursor >= 0 ? seat : -1;
    this.choosing.press(seat);
  }
  lasso(box, isDone = false) {
    this.painter.lasso = isDone ? null : box;
    this.painter.ask();
    if (box && isDone) this.choosing.within(box);
  }
  zoomTo(x, y) {
    const section = this.model.sections.find(({ box }) => x >= box.left && x <= box.right && y >= box.top && y <= box.bottom);
    const reach = 9 * this.model.pitch;
    const near = { left: x - reach, right: x + reach, top: y - reach, bottom: y + reach };
    const large = section && (section.box.right - section.box.left) * this.camera.scale < this.camera.width * 0.7;
    this.camera.show(large ? section.box : near, this.painter.still.matches);
  }

  hover(seat, x, y) {
    const { tip, canvas } = this.parts;
    canvas.classList.toggle("on-seat", seat >= 0 && this.choosing.may(seat));
    tip.hidden = seat < 0;
    if (seat < 0) { this.hovered = -1; return; }
    if (seat !== this.hovered) {
      const detail = document.createElement("small");
      detail.textContent = [this.states.word(seat), this.price(seat), this.model.notes.get(seat)].filter(Boolean).join(" · ");
      tip.replaceChildren(this.model.name(seat), detail);
      this.hovered = seat;
    }
    const right = x > this.camera.width - 180;
    tip.style.transform = "translate(" + Math.round(right ? x - tip.offsetWidth - 12 : x + 14) + "px, " + Math.round(Math.max(4, y - 44)) + "px)";
  }
  step(key) {
    if (!this.model.seats) return;
    const { painter } = this;
    if (painter.cursor < 0) painter.cursor = this.middleSeat();
    else painter.cursor = this.grid.next(painter.cursor, key);
    const seat = painter.cursor;
    if (this.camera.scale * this.model.pitch < 18) {
      const reach = 7 * this.model.pitch;
      const [x, y] = [this.model.x[seat], this.model.y[seat]];
      this.camera.show({ left: x - reach, right: x + reach, top: y - reach / 2, bottom: y + reach / 2 }, painter.still.matches);
    } else this.camera.reveal(this.model.x[seat], this.model.y[seat], painter.still.matches);
    this.announce(this.words(seat));
    painter.ask();
  }
  middleSeat() {
    const { left, right, top, bottom } = this.camera.box;
    const inView = this.grid.inside({ left, right, top, bottom });
    const free = inView.find((seat) => this.states.codes[seat] === FREE);
    return free ?? inView[0] ?? 0;
  }
  pressCursor() {
    if (this.painter.cursor >= 0) this.press(this.painter.cursor);
    else if (this.model.seats) this.step("Home");
  }
  announce(text) { say(this.parts.spoken, text); }

  price(seat) {
    const tariffs = this.tariffs(seat);
    return tariffs.length ? money(tariffs[0].amount, this.listing.prices.currency) : "";
  }
  tariffs(seat) { return tariffsOf(this.listing.prices, this.model.categories[this.model.category[seat]]?.key); }
  words(seat) {
    const price = this.price(seat);
    return this.model.spoken(seat) + ", " + this.states.word(seat) + (price && this.states.codes[seat] === FREE ? ", " + price : "");
  }

  choose(ids) {
    const seats = ids.map((id) => this.model.find(id)).filter((seat) => this.model.isSeat(seat) && this.choosing.may(seat) && !this.states.chosen.has(seat));
    const some = this.choosing.set(seats.slice(0, this.choosing.room()), true);
    this.choosing.tell(some.length < seats.length);
    return this.chosen;
  }
  clear() {
    if (!this.states) return;
    this.choosing.set([...this.states.chosen], false);
    this.states.wanted.clear();
    this.counts.paintAll();
    this.painter.ask();
    this.choosing.tell();
  }
  seat(id) {
    const { model, states } = this;
    const index = model ? model.find(id) : -1;
    if (index < 0) return null;
    const isSeat = model.isSeat(index);
    const row = isSeat ? model.rowOf(index) : null;
    return { seatId: id, index, section: row ? model.sections[row.section].name : "", row: row?.label ?? "", label: model.label(index), name: model.name(index),
      kind: isSeat ? KINDS[model.kind[index]] : "standard", category: model.categories[model.category[index]] ?? null, note: model.notes.get(index),
      status: statusOf(states.codes[index]), tariffs: this.tariffs(index), area: isSeat ? null : model.areaOf(index)?.label ?? null };
  }
  unchoose(ids) {
    this.choosing.set(ids.map((id) => this.model.find(id)).filter((seat) => this.states.chosen.has(seat)), false);
    this.choosing.tell();
  }
  want(areaId, quantity) { this.counts.want(this.model.areas.findIndex((area) => area.label === areaId), quantity); }
  /** The keyboard's focus goes to the map. */
  focusMap() { this.parts.canvas.focus(); }
  name(id) { return this.seat(id)?.name ?? "?"; }
  own(ids) { if (this.states) this.repaintSeats(this.states.own(ids.map((id) => this.model.find(id)).filter((seat) => seat >= 0))); }
  show(ids) {
    const seats = (ids ?? []).map((id) => this.model.find(id)).filter((seat) => this.model.isSeat(seat));
    if (!seats.length) { this.camera.fit(); return; }
    this.camera.show(this.model.around(seats, 3, 2), this.painter.still.matches);
  }
  locate(id) {
    const seat = this.model.find(id);
    const [x, y] = this.camera.toScreen(this.model.x[seat], this.model.y[seat]);
    const box = this.parts.canvas.getBoundingClientRect();
    return { x: box.left + x, y: box.top + y, size: this.model.size[seat] * this.camera.scale };
  }

  hold(wish) { return hold(this, wish); }
}

if (!customElements.get("seat-map")) customElements.define("seat-map", SeatMap);