// Commands of a buyer: each is kept with its key before it is sent, so that it can be sent again, as the same one, if no answer comes.

import { call, Refusal, serverNow, uuid } from "../lib/server.js";
import * as bookings from "./bookings.js";

// A hold may end this much later than its deadline.
const EXPIRY_MILLISECONDS = 2000;
/** Bookings whose answer this tab awaits. */
export const underWay = new Set();

/** What a booking is now: a hold that is past its deadline has expired, whatever was last heard of it. */
export function statusOf(booking) {
  const ended = booking.status === "Pending" && serverNow() !== null && Date.parse(booking.expiresAt) + EXPIRY_MILLISECONDS < serverNow();
  return ended ? "Expired" : booking.status;
}
export const isLive = (booking) => ["Pending", "Confirmed"].includes(statusOf(booking));

/** A reservation that is asked for: kept under its key until there is a booking. */
export function asked(showtime, map, user, names, body) {
  const key = uuid();
  return { bookingId: key, key, status: "Unknown", showtimeId: showtime, seatIds: body.seatIds ?? [], userId: user, body, movieTitle: map.listing.movieTitle,
    timeZone: map.listing.timeZone, startTime: map.listing.startTime, names, madeAt: Date.now() };
}

/**
 * Sends a reservation: through the map, which knows then that its seats are asked for, or, without one, once more as it was kept. The booking; or
 * throws the refusal.
 */
export async function reserve(booking, map, changed) {
  bookings.put(booking);
  underWay.add(booking.bookingId);
  changed();
  try {
    // Of an earlier version, which kept the parts of the body one by one.
    const body = booking.body ?? { ...(booking.seatIds.length && { seatIds: booking.seatIds }), ...(booking.areas?.length && { areas: booking.areas }) };
    const answer = map ? await map.hold({ userId: booking.userId, key: booking.key, body, alternatives: 3 })
      : await call("POST", "/api/showtimes/" + booking.showtimeId + "/bookings?alternatives=3", { body: { userId: booking.userId, ...body }, key: booking.key });
    const { movieTitle, timeZone, startTime, names, madeAt } = booking;
    const made = { ...answer, movieTitle, timeZone, startTime, names, madeAt };
    bookings.put(made);
    bookings.remove(booking.bookingId);
    return made;
  } catch (refusal) {
    // Only an answer of the server says that there is no booking.
    if (refusal instanceof Refusal && !refusal.unknown) bookings.remove(booking.bookingId);
    throw refusal;
  } finally {
    underWay.delete(booking.bookingId);
    changed();
  }
}

/** Has the server do something with a booking. Until an answer comes, the same request is sent again, not a new one. The answer; or throws. */
export async function act(booking, verb, body, changed) {
  const kept = booking.asked?.[verb] ?? { key: uuid(), body };
  // Another wish than the one whose outcome is not known: that one is settled first.
  const isOther = verb === "seats" && JSON.stringify(kept.body) !== JSON.stringify(body);
  bookings.put({ ...booking, asked: { ...booking.asked, [verb]: kept } });
  underWay.add(booking.bookingId);
  changed();
  let news = { asked: undefined };
  try {
    const answer = await call("POST", "/api/bookings/" + booking.bookingId + "/" + verb, { body: kept.body, key: kept.key, token: booking.holdToken });
    news = { ...answer, ...news };
    return isOther ? { ...answer, message: "Your earlier change was made. Look at what you have now, and change it again." } : answer;
  } catch (refusal) {
    if (refusal.unknown) news = {};
    else if (["hold-expired", "payment-too-late", "too-many-late-payments"].includes(refusal.code)) news.status = "Expired";
    else if (refusal.problem.bookingStatus) news.status = refusal.problem.bookingStatus;
    throw refusal;
  } finally {
    underWay.delete(booking.bookingId);
    const latest = bookings.get(booking.bookingId);
    if (latest) bookings.put({ ...latest, ...news });
    changed();
  }
}

/** Asks how a booking stands: another tab, or the showtime's end, may have changed it. */
export async function refresh(booking, changed) {
  if (underWay.has(booking.bookingId) || !booking.holdToken) return;
  try {
    const answer = await call("GET", "/api/bookings/" + booking.bookingId, { token: booking.holdToken });
    const latest = bookings.get(booking.bookingId);
    if (!latest || underWay.has(booking.bookingId) || answer.sequence < latest.sequence) return;
    const { status, seatIds, expiresAt, price, sequence, cancelReason } = answer;
    bookings.put({ ...latest, status, seatIds, expiresAt, price, sequence, cancelReason });
    changed();
  } catch { /* It is asked for again with the next change. */ }
}
