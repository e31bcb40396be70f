// The bookings of this browser. Each has a key of its own in the browser's storage, so that tabs never overwrite each other's: whoever loses
// a booking here loses its hold token, and with it the seats.

const PREFIX = "turnstile.booking.";
const EARLIER = "turnstile.bookings";
const MOST_FINISHED = 50;
const known = new Map();
let changed = () => {};

/** False if this browser keeps nothing; the bookings then live as long as the page. */
export let lasting = true;

function parse(text) {
  try {
    const booking = JSON.parse(text);
    return booking && typeof booking.bookingId === "string" && Array.isArray(booking.seatIds) ? booking : null;
  } catch { return null; }
}
function stored(id) {
  try { return parse(localStorage.getItem(PREFIX + id)); } catch { return null; }
}
function load() {
  known.clear();
  try {
    const earlier = JSON.parse(localStorage.getItem(EARLIER) || "[]");
    for (const booking of earlier) if (!stored(booking.bookingId)) put({ madeAt: 0, ...booking });
    localStorage.removeItem(EARLIER);
    for (let index = 0; index < localStorage.length; index += 1) {
      const key = localStorage.key(index);
      const booking = key.startsWith(PREFIX) && parse(localStorage.getItem(key));
      if (booking) known.set(booking.bookingId, booking);
    }
  } catch { lasting = false; }
}

/** One of them, as it was last kept. */
export const get = (id) => known.get(id);
/** All of them, the newest first. */
export function all() {
  return [...known.values()].sort((one, other) => other.madeAt - one.madeAt);
}
/** Keeps a booking. What another tab has learnt since, from a later answer, is not overwritten. */
export function put(booking) {
  const other = stored(booking.bookingId);
  const newest = other && other.sequence > booking.sequence ? { ...booking, ...other } : booking;
  known.set(newest.bookingId, newest);
  try { localStorage.setItem(PREFIX + newest.bookingId, JSON.stringify(newest)); } catch { lasting = false; }
  const finished = all().filter((one) => one.status === "Cancelled" || one.status === "Expired");
  finished.slice(MOST_FINISHED).forEach((one) => remove(one.bookingId));
}
export function remove(id) {
  known.delete(id);
  try { localStorage.removeItem(PREFIX + id); } catch { lasting = false; }
}
/** Calls `then` when another tab has changed something. */
export function watch(then) {
  changed = then;
}
addEventListener("storage", (event) => {
  if (event.key === null) load();
  else if (!event.key.startsWith(PREFIX)) return;
  else {
    const booking = event.newValue && parse(event.newValue);
    if (booking) known.set(booking.bookingId, booking); else known.delete(event.key.slice(PREFIX.length));
  }
  changed();
});
load();
