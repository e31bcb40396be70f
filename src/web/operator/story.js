// The story of a showtime: its events, read as they come and folded into who has which place, the blocks, and what was sold when.

import { placeOf } from "./house.js";
import { ask, operator } from "./key.js";

const PAGE = 1000;

/** Follows the journal; `on` is called when more of it was read. */
export class Story {
  constructor(showtime, on) {
    Object.assign(this, { showtime, on, sequence: 0, bookings: new Map(), holders: new Map(), sales: [], times: [], ended: false });
    this.reading = null;
    this.again = false;
  }
  end() {
    this.ended = true;
  }

  /** Reads all that is there by now. While that is under way, further calls make it look once more. */
  follow() {
    if (this.reading) { this.again = true; return this.reading; }
    this.reading = this.read().finally(() => {
      this.reading = null;
      if (this.again && !this.ended) { this.again = false; this.follow().catch(() => { /* The next change asks again. */ }); }
    });
    return this.reading;
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
      if (data.items.length) this.on();
      if (data.nextAfter === undefined) return;
      this.sequence = Math.max(this.sequence, data.nextAfter);
    }
  }

  /** Takes an event in. */
  apply({ sequence, recordedAt, event }) {
    const at = Date.parse(recordedAt);
    this.times.push({ sequence, at, type: event.type, booking: event.bookingId ?? null });
    if (!event.bookingId) return;
    const seats = (event.seatIds ?? []).map(placeOf);
    const booking = this.bookings.get(event.bookingId);
    const before = booking ? worth(booking) : { places: 0, amount: 0 };
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
    if (!booking || booking.isBlock) return;
    const after = worth(booking);
    if (after.places !== before.places || after.amount !== before.amount) {
      this.sales.push({ at, places: after.places - before.places, amount: after.amount - before.amount });
    }
  }

  /** The booking or block that has a place, or null. */
  holder(seat) {
    return this.bookings.get(this.holders.get(seat)) ?? null;
  }
  /** The blocks that are there. */
  get blocks() {
    const isThere = (booking) => booking.isBlock && booking.status === "Pending" && (booking.places.size || booking.channel);
    return [...this.bookings.values()].filter(isThere);
  }
}
/** What a booking counts for among the sales. */
function worth(booking) {
  if (booking.isBlock || booking.status !== "Confirmed") return { places: 0, amount: 0 };
  let amount = 0;
  for (const price of booking.places.values()) amount += price?.amount ?? 0;
  return { places: booking.places.size, amount };
}
