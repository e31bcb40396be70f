// The story of a showtime: its events, read as they come and folded into who has which place, the blocks, how many places are sold, and what was
// sold when. Sums are kept with each event, so that an event costs as much as it changes, however many bookings there are.

import { ask, operator } from "./key.js";

const PAGE = 1000;
/** The journal is read, and `on` called, at most once in this time, however many events come. */
const REST_MILLISECONDS = 200;

/**
 * Follows the journal. `order` is that of the showtime's seats; `on` is told what has changed since it was told before: `places`, the set of those that another booking has or that look
 * different, and `blocks`, whether any of them changed.
 */
export class Story {
  constructor(showtime, order, on) {
    Object.assign(this, { showtime, order, on, sequence: 0, bookings: new Map(), holders: new Map(), blocks: new Map(), sales: [], times: [], ended: false });
    /** Places by what they are, and what all sold ones have earned, in minor units. */
    this.figures = { sold: 0, held: 0, blocked: 0, earned: 0 };
    this.reading = null;
    this.again = false;
    Object.assign(this, { news: { places: new Set(), blocks: false }, timer: 0, toldAt: -Infinity });
  }
  end() {
    this.ended = true;
    clearTimeout(this.timer);
  }

  /** Tells the news: at once if it was quiet, else together with what follows. */
  tellSoon() {
    this.timer ||= setTimeout(() => {
      const { news } = this;
      Object.assign(this, { news: { places: new Set(), blocks: false }, timer: 0, toldAt: performance.now() });
      this.on(news);
    }, this.toldAt + REST_MILLISECONDS - performance.now());
  }

  /** Reads all that is there by now. While that is under way, further calls make it look once more, a little later. */
  follow() {
    if (this.reading) { this.again = true; return this.reading; }
    this.reading = this.read().finally(() => {
      this.reading = null;
      if (this.again) setTimeout(() => this.lookAgain(), REST_MILLISECONDS);
    });
    return this.reading;
  }
  lookAgain() {
    this.again = false;
    if (!this.ended) this.follow().catch(() => { /* The next change asks again. */ });
  }
  async read() {
    for (;;) {
      const path = `/api/showtimes/${encodeURIComponent(this.showtime)}/events?limit=${PAGE}&after=${this.sequence}`;
      const { data } = await operator(() => ask("GET", path));
      if (this.ended) return;
      for (const recorded of data.items) {
        if (recorded.sequence <= this.sequence) continue;
        this.apply(recorded);
        this.sequence = recorded.sequence;
      }
      if (data.items.length) this.tellSoon();
      if (data.nextAfter === undefined) return;
      this.sequence = Math.max(this.sequence, data.nextAfter);
    }
  }

  /** Takes an event in. */
  apply({ sequence, recordedAt, event }) {
    const at = Date.parse(recordedAt);
    this.times.push({ sequence, at, type: event.type, booking: event.bookingId ?? null });
    if (!event.bookingId) return;
    const seats = (event.seatIds ?? []).map((id) => this.order.placeOf(id));
    const booking = this.bookings.get(event.bookingId);
    const before = worth(booking);
    const touched = [...seats, ...booking?.places.keys() ?? []];
    switch (event.type) {
      case "SeatsReserved": this.take(this.made(event, at), seats, event.price); break;
      case "SeatsBlocked": this.take(booking ?? this.blocked(event, at), seats); break;
      case "HoldExtended": if (booking) booking.until = Date.parse(event.expiresAt); break;
      case "BookingConfirmed": this.confirmed(booking, event, seats); break;
      case "BookingCancelled": this.over(booking, seats, "Cancelled"); break;
      case "HoldExpired": this.over(booking, seats, "Expired"); break;
      case "SeatsReleased": this.give(booking, seats); break;
      case "BookingChanged": this.changed(booking, event, seats); break;
      default: break;
    }
    for (const seat of touched) this.news.places.add(seat);
    this.note(at, this.bookings.get(event.bookingId), before);
  }
  made({ bookingId, userId, expiresAt, price }, at) {
    const booking = {
      id: bookingId, isBlock: false, user: userId, until: Date.parse(expiresAt), status: "Pending", at, places: new Map(), currency: price?.currency,
    };
    this.bookings.set(bookingId, booking);
    return booking;
  }
  blocked({ bookingId, block, until }, at) {
    const booking = {
      id: bookingId, isBlock: true, type: block.type, reason: block.reason ?? null, channel: block.channel ?? null,
      until: until ? Date.parse(until) : null, status: "Pending", at, places: new Map(),
    };
    this.bookings.set(bookingId, booking);
    return booking;
  }
  take(booking, seats, price) {
    booking.status = booking.status === "Confirmed" ? "Confirmed" : "Pending";
    seats.forEach((seat, place) => {
      booking.places.set(seat, price?.places?.[place] ?? null);
      this.holders.set(seat, booking.id);
    });
  }
  give(booking, seats) {
    if (!booking) return;
    for (const seat of seats) {
      booking.places.delete(seat);
      if (this.holders.get(seat) === booking.id) this.holders.delete(seat);
    }
  }
  confirmed(booking, { paymentReference }, seats) {
    if (!booking) return;
    // A payment that came late takes its seats again, at the prices that they had.
    for (const seat of seats) {
      if (!booking.places.has(seat)) booking.places.set(seat, booking.last?.get(seat) ?? null);
      this.holders.set(seat, booking.id);
    }
    Object.assign(booking, { status: "Confirmed", payment: paymentReference });
  }
  over(booking, seats, status) {
    if (!booking) return;
    booking.last = new Map(booking.places);
    this.give(booking, seats);
    booking.status = status;
  }
  changed(booking, { confirmed, price }, seats) {
    if (!booking) return;
    this.give(booking, [...booking.places.keys()]);
    if (price) booking.currency = price.currency;
    this.take(booking, seats, price);
    booking.status = confirmed ? "Confirmed" : "Pending";
  }
  note(at, booking, before) {
    const after = worth(booking);
    for (const name of Object.keys(after)) this.figures[name] += after[name] - before[name];
    if (after.sold !== before.sold || after.earned !== before.earned) this.sales.push({ at, places: this.figures.sold, amount: this.figures.earned });
    if (!booking?.isBlock) return;
    this.news.blocks = true;
    // One that is sold out is not over: what is given back may come back to it.
    if (booking.status === "Pending") this.blocks.set(booking.id, booking);
    else this.blocks.delete(booking.id);
  }

  /** The booking or block that has a place, or null. */
  holder(seat) {
    return this.bookings.get(this.holders.get(seat)) ?? null;
  }
}
/** What a booking counts for among the figures. */
function worth(booking) {
  const counts = { sold: 0, held: 0, blocked: 0, earned: 0 };
  if (booking?.status === "Confirmed") {
    counts.sold = booking.places.size;
    for (const price of booking.places.values()) counts.earned += price?.amount ?? 0;
  } else if (booking?.status === "Pending") counts[booking.isBlock ? "blocked" : "held"] = booking.places.size;
  return counts;
}
