// The seat map and the bookings of this browser. The server's feed is the only source of seat states.

import { Areas } from "./areas.js";
import * as bookings from "./bookings.js";
import { Feed } from "./live.js";
import { askTime, call, serverNow, timeIsDoubtful, uuid } from "./server.js";

const MOST_CHOSEN = 20;
const ROWS_SHOWN = 60;
// A hold may end this much later than its deadline.
const EXPIRY_MILLISECONDS = 2000;
const SHOWTIME_ID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
const $ = (id) => document.getElementById(id);
const view = { showtime: null, sequence: 0, title: "", start: "", listing: {}, rows: [], seats: new Map(), firstRow: 0 };
const chosen = new Set();
// Bookings whose answer this tab awaits.
const underWay = new Set();
const areas = new Areas($("areas"), () => MOST_CHOSEN - chosenCount(), (isCut) => { say(isCut ? mostChosen() : ""); showChosen(); });
const chosenCount = () => chosen.size + areas.count();
const mostChosen = () => "At most " + MOST_CHOSEN + " places can be booked at once, and not more than are left.";
let feed = null;
let cursor = null;

function element(tag, properties, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}
function say(text, kind) {
  $("message").textContent = text;
  $("message").dataset.kind = kind || "bad";
}
function note(text) {
  $("feed").prepend(element("li", { textContent: text }));
  while ($("feed").children.length > 30) $("feed").lastChild.remove();
}
/** A time by the clocks of a venue, said so, if its zone is known here; else by those of this machine. */
function clock(time, zone) {
  const form = { dateStyle: "medium", timeStyle: "short" };
  try {
    if (zone) return new Date(time).toLocaleString([], { ...form, timeZone: zone }) + " (" + zone.replaceAll("_", " ") + " time)";
  } catch {
    // This browser does not know the zone.
  }
  return new Date(time).toLocaleString([], form);
}
const rowName = (seat) => (seat.section ? seat.section + " " : "") + seat.row;
const label = (seat) => seat.label ?? String(seat.number);
const name = (id) => { const seat = view.seats.get(id); return seat ? rowName(seat) + (seat.area ? " " : "") + label(seat) : "?"; };

async function listShowtimes() {
  try {
    const page = await call("GET", "/api/showtimes?limit=20" + (cursor ? "&cursor=" + encodeURIComponent(cursor) : ""));
    for (const item of page.items) {
      const button = element("button", { type: "button" }, item.movieTitle,
        element("small", { textContent: clock(item.startTime, item.timeZone) + " · " + item.available + " of " + item.seats + " available" }));
      button.dataset.id = item.id;
      button.addEventListener("click", () => open(item.id));
      $("showtimes").append(element("li", {}, button));
    }
    cursor = page.nextCursor || null;
    $("more").hidden = !cursor;
    if (!view.showtime && page.items.length) open(page.items[0].id);
    if (!page.items.length && !$("showtimes").children.length) $("title").textContent = "There is no showtime yet";
  } catch (error) {
    say(error.message);
  }
}

/** Opens the showtime that the address names; any other fragment, such as a skip link's, names a part of the page. */
function openNamed() {
  const named = location.hash.slice(1);
  if (SHOWTIME_ID.test(named)) open(named.toLowerCase());
}
function open(id) {
  if (view.showtime === id) return;
  feed?.end();
  Object.assign(view, { showtime: id, sequence: 0, rows: [], seats: new Map(), firstRow: 0 });
  chosen.clear();
  areas.adopt([]);
  history.replaceState(null, "", "#" + id);
  for (const button of $("showtimes").querySelectorAll("button")) {
    button.setAttribute("aria-current", String(button.dataset.id === id));
  }
  $("title").textContent = "Loading…";
  $("facts").textContent = "";
  $("seats").replaceChildren();
  say("");
  feed = new Feed(id, view, { whole: adopt, change: changed, state, failed });
  showChosen();
}
function state(name, text) {
  $("connection").dataset.state = name;
  $("connection").textContent = text;
}
function failed(refusal) {
  state("off", "not connected");
  if (view.sequence) return;
  $("title").textContent = refusal.status === 404 ? "There is no such showtime" : "Not available now";
  say(refusal.message);
}
function changed(sequence, seatIds, status, showtime) {
  view.sequence = sequence;
  // A new listing is there as a whole: what it lacks is not set any more. A cancellation is only its reason.
  if (showtime) list(showtime.movieTitle ? showtime : { ...view.listing, ...showtime });
  for (const id of seatIds) change(id, status);
  if (!seatIds.length) {
    if (showtime) note(showtime.cancelled ? "the showtime is cancelled" : "the showtime was changed");
    facts();
    return;
  }
  const shown = seatIds.slice(0, 8).map(name).join(", ") + (seatIds.length > 8 ? " and " + (seatIds.length - 8) + " more" : "");
  note(shown + " → " + status.toLowerCase() + (mine(seatIds[0]) ? " (you)" : ""));
  facts();
  showChosen();
}

function adopt(head, seats) {
  Object.assign(view, { sequence: head.sequence, rows: [], seats: new Map() });
  list(head);
  for (const seat of seats) {
    view.seats.set(seat.seatId, seat);
    if (seat.area) continue;
    const last = view.rows[view.rows.length - 1];
    if (last && last.name === rowName(seat)) last.seats.push(seat);
    else view.rows.push({ name: rowName(seat), label: seat.row, section: seat.section, seats: [seat] });
  }
  areas.adopt(seats.filter((seat) => seat.area));
  for (const id of [...chosen]) if (view.seats.get(id)?.status !== "Available") chosen.delete(id);
  draw();
  facts();
  showChosen();
  showBookings();
}

/** What is shown, when, and whether it takes place. */
function list(listing) {
  const { movieTitle, startTime, timeZone, cancelled } = listing;
  Object.assign(view, { listing: { movieTitle, startTime, timeZone, cancelled }, title: movieTitle, start: startTime });
  $("title").textContent = movieTitle + (cancelled ? " (cancelled: " + cancelled + ")" : "");
}

function facts() {
  const counts = { Available: 0, Reserved: 0, Sold: 0 };
  for (const seat of view.seats.values()) counts[seat.status] += 1;
  $("facts").textContent = clock(view.start, view.listing.timeZone) + " · " + counts.Available + " available, " + counts.Reserved +
    " reserved, " + counts.Sold + " sold · change " + view.sequence;
}

/** What a booking is now: a hold that is past its deadline has expired, whatever was last heard of it. */
function status(booking) {
  const ended = booking.status === "Pending" && serverNow() !== null &&
    Date.parse(booking.expiresAt) + EXPIRY_MILLISECONDS < serverNow();
  return ended ? "Expired" : booking.status;
}
const mine = (id) => bookings.all().some((booking) => booking.showtimeId === view.showtime && booking.seatIds.includes(id) &&
  ["Pending", "Confirmed"].includes(status(booking)));

function draw() {
  const focused = document.activeElement?.dataset?.seat;
  const shown = view.rows.slice(view.firstRow, view.firstRow + ROWS_SHOWN);
  $("seats").replaceChildren(...shown.flatMap((row, place) => {
    const seats = element("div", { className: "row" }, element("span", { textContent: row.label, title: row.name }), ...row.seats.map(button));
    const begins = row.section && row.section !== shown[place - 1]?.section;
    return begins ? [element("p", { className: "section", textContent: row.section }), seats] : [seats];
  }));
  $("pager").hidden = view.rows.length <= ROWS_SHOWN;
  $("rows-shown").textContent = "rows " + (view.firstRow + 1) + " to " + (view.firstRow + shown.length) + " of " + view.rows.length;
  $("rows-before").disabled = view.firstRow === 0;
  $("rows-after").disabled = view.firstRow + ROWS_SHOWN >= view.rows.length;
  const first = (focused && find(focused)) || $("seats").querySelector("button");
  if (first) { first.tabIndex = 0; if (focused) first.focus(); }
}
function button(seat) {
  const made = element("button", { type: "button", className: "seat", textContent: label(seat), tabIndex: -1 });
  made.dataset.seat = seat.seatId;
  paint(made, seat);
  return made;
}
function paint(made, seat) {
  const ours = mine(seat.seatId);
  made.dataset.status = seat.status;
  made.dataset.chosen = String(chosen.has(seat.seatId));
  made.dataset.mine = String(ours && seat.status !== "Available");
  made.setAttribute("aria-pressed", String(chosen.has(seat.seatId)));
  made.setAttribute("aria-disabled", String(seat.status !== "Available"));
  made.setAttribute("aria-label", (seat.section ? seat.section + ", row " : "Row ") + seat.row + ", seat " + label(seat) + ", " + kind(seat) + (ours && seat.status !== "Available" ? "yours" : seat.status.toLowerCase()));
}
const kind = (seat) => ({ wheelchair: "wheelchair place, ", companion: "companion's seat, ", restrictedView: "restricted view, " }[seat.kind] ?? "");
const find = (id) => $("seats").querySelector('[data-seat="' + CSS.escape(id) + '"]');
function repaint(id, isNew) {
  const made = find(id);
  const seat = view.seats.get(id);
  if (!made || !seat) return;
  paint(made, seat);
  if (isNew) { made.classList.remove("changed"); void made.offsetWidth; made.classList.add("changed"); }
}
function change(id, status) {
  const seat = view.seats.get(id);
  if (!seat) return;
  const differs = seat.status !== status;
  if (seat.area && differs) areas.change(seat, status);
  seat.status = status;
  if (status !== "Available") chosen.delete(id);
  repaint(id, differs);
}

function choose(id) {
  const seat = view.seats.get(id);
  if (!seat || seat.status !== "Available") return;
  if (!chosen.delete(id)) {
    if (chosenCount() >= MOST_CHOSEN) { say(mostChosen()); return; }
    chosen.add(id);
  }
  say("");
  repaint(id);
  showChosen();
}
const chosenNames = () => [...[...chosen].map(name), ...areas.names()].join(", ");
function showChosen() {
  const count = chosenCount();
  $("chosen").textContent = chosenNames() || "None chosen.";
  $("clear").disabled = count === 0;
  $("reserve").disabled = count === 0 || underWay.size > 0;
  $("reserve").textContent = count > 1 ? "Reserve " + count + (chosen.size === count ? " seats" : " places") : "Reserve";
}

async function reserve() {
  const user = $("user").value.trim();
  if (!user) { say("Say who you are first."); $("user").focus(); return; }
  try { localStorage.setItem("turnstile.user", JSON.stringify(user)); } catch { /* a private window */ }
  const key = uuid();
  const seatIds = [...chosen];
  await send({ bookingId: key, key, status: "Unknown", showtimeId: view.showtime, seatIds, areas: areas.wanted(), userId: user,
    movieTitle: view.title, names: chosenNames(), madeAt: Date.now() });
}
/** Sends a reservation. It is kept with its key before, so that it can be sent again, as the same one, if no answer comes. */
async function send(asked) {
  bookings.put(asked);
  underWay.add(asked.bookingId);
  showChosen();
  showBookings();
  try {
    const { seatIds, userId, movieTitle, names, madeAt } = asked;
    const body = { userId, ...(seatIds.length && { seatIds }), ...(asked.areas?.length && { areas: asked.areas }) };
    const made = await call("POST", "/api/showtimes/" + asked.showtimeId + "/bookings", { body, key: asked.key });
    bookings.put({ ...made, movieTitle, names, madeAt });
    bookings.remove(asked.bookingId);
    seatIds.forEach((id) => chosen.delete(id));
    if (asked.areas?.length) areas.clear();
    if (made.status === "Pending") say("Reserved " + names + ".", "good");
    else say("Your booking of " + names + " is " + made.status.toLowerCase() + ".");
  } catch (refusal) {
    if (!refusal.unknown) bookings.remove(asked.bookingId);
    explain(refusal, asked);
  }
  underWay.delete(asked.bookingId);
  showChosen();
  showBookings();
  asked.seatIds.forEach((id) => repaint(id));
}
function explain(refusal, asked) {
  const taken = refusal.problem.conflicts || [];
  for (const seat of taken) chosen.delete(seat.seatId);
  if (taken.length) {
    const gone = taken.map((seat) => name(seat.seatId) + " (" + seat.reason.toLowerCase() + ")").join(", ");
    say("Not free any more: " + gone + ". Nothing was reserved; the other seats are still chosen.");
  } else if (refusal.unknown) {
    say(refusal.message + " If " + asked.names + " were reserved, they are yours: ask again below.");
  } else {
    say(refusal.message);
  }
}
/** Carries out what a button of a booking says. Until an answer comes, the same request is sent again, not a new one. */
async function act(booking, verb, body) {
  const asked = booking.asked?.[verb] || { key: uuid(), body };
  bookings.put({ ...booking, asked: { ...booking.asked, [verb]: asked } });
  underWay.add(booking.bookingId);
  showBookings();
  let news = { asked: undefined };
  try {
    const answer = await call("POST", "/api/bookings/" + booking.bookingId + "/" + verb, { body: asked.body, key: asked.key, token: booking.holdToken });
    news = { ...answer, ...news };
    say(answer.message, "good");
  } catch (refusal) {
    if (refusal.unknown) news = {};
    else if (["hold-expired", "payment-too-late", "too-many-late-payments"].includes(refusal.code)) news.status = "Expired";
    else if (refusal.problem.bookingStatus) news.status = refusal.problem.bookingStatus;
    say(refusal.message);
  }
  underWay.delete(booking.bookingId);
  const latest = bookings.all().find((one) => one.bookingId === booking.bookingId);
  if (latest) bookings.put({ ...latest, ...news });
  showBookings();
  booking.seatIds.forEach((id) => repaint(id));
}

function showBookings() {
  const all = bookings.all();
  $("no-bookings").hidden = all.length > 0;
  $("not-kept").hidden = bookings.lasting;
  const focused = document.activeElement?.closest("[data-booking]")?.dataset.booking;
  $("bookings").replaceChildren(...all.map(bookingLine));
  if (focused) $("bookings").querySelector('[data-booking="' + CSS.escape(focused) + '"] button:enabled')?.focus();
  tick();
}
function bookingLine(booking) {
  const line = element("li", {}, element("strong", { textContent: booking.names }), " ",
    element("small", { textContent: booking.movieTitle }), element("br"));
  line.dataset.booking = booking.bookingId;
  const does = (text, then) => {
    const made = element("button", { type: "button", textContent: text, disabled: underWay.has(booking.bookingId) });
    made.addEventListener("click", then);
    return made;
  };
  const forget = does("Forget", () => { bookings.remove(booking.bookingId); showBookings(); });
  const now = status(booking);
  line.dataset.status = now;
  if (now === "Pending") {
    const countdown = element("span", { className: "countdown" });
    countdown.dataset.until = Date.parse(booking.expiresAt);
    line.append("held for ", countdown, element("br"),
      does("Pay and confirm", () => act(booking, "confirm", { paymentReference: "demo-" + uuid() })),
      does("Extend", () => act(booking, "extend")), does("Cancel", () => act(booking, "cancel")));
  } else if (now === "Unknown") {
    const text = underWay.has(booking.bookingId) ? "being reserved" : "whether these were reserved is not known";
    line.append(text, element("br"), does("Ask again", () => send(booking)), forget);
  } else {
    line.append(now.toLowerCase(), element("br"), forget);
  }
  return line;
}
function tick() {
  if (timeIsDoubtful()) askTime();
  const now = serverNow();
  for (const countdown of document.querySelectorAll(".countdown")) {
    const seconds = Math.max(0, Math.floor((Number(countdown.dataset.until) - now) / 1000));
    countdown.textContent = now === null ? "…" : Math.floor(seconds / 60) + ":" + String(seconds % 60).padStart(2, "0");
  }
  const ended = bookings.all().filter((booking) => {
    const line = $("bookings").querySelector('[data-booking="' + CSS.escape(booking.bookingId) + '"]');
    return line && line.dataset.status !== status(booking);
  });
  if (ended.length) {
    showBookings();
    ended.forEach((booking) => booking.seatIds.forEach((id) => repaint(id)));
  }
}

function move(event) {
  const from = event.target.closest("[data-seat]");
  if (!from) return;
  const row = from.parentElement;
  const rows = [...$("seats").querySelectorAll(".row")];
  const place = rows.indexOf(row);
  const column = [...row.querySelectorAll("button")].indexOf(from);
  const inRow = (other, at) => { const all = other?.querySelectorAll("button"); return all && all[Math.min(at, all.length - 1)]; };
  const to = { ArrowLeft: () => from.previousElementSibling, ArrowRight: () => from.nextElementSibling,
    ArrowUp: () => inRow(rows[place - 1], column), ArrowDown: () => inRow(rows[place + 1], column),
    Home: () => inRow(row, 0), End: () => inRow(row, Infinity) }[event.key]?.();
  if (!to || !to.dataset.seat) return;
  event.preventDefault();
  from.tabIndex = -1;
  to.tabIndex = 0;
  to.focus();
}

$("seats").addEventListener("click", (event) => { const seat = event.target.closest("[data-seat]"); if (seat) choose(seat.dataset.seat); });
$("seats").addEventListener("keydown", move);
$("reserve").addEventListener("click", reserve);
$("clear").addEventListener("click", () => { const all = [...chosen]; chosen.clear(); areas.clear(); all.forEach((id) => repaint(id)); showChosen(); });
$("more").addEventListener("click", listShowtimes);
$("rows-before").addEventListener("click", () => { view.firstRow = Math.max(0, view.firstRow - ROWS_SHOWN); draw(); });
$("rows-after").addEventListener("click", () => { view.firstRow += ROWS_SHOWN; draw(); });
$("skip").addEventListener("click", (event) => {
  // The address goes on naming the showtime.
  event.preventDefault();
  ($("seats").querySelector('[tabindex="0"]') || $("seats")).focus();
});
addEventListener("hashchange", openNamed);
bookings.watch(() => { showBookings(); draw(); });
try { $("user").value = JSON.parse(localStorage.getItem("turnstile.user")) || ""; } catch { $("user").value = ""; }
if (!$("user").value) $("user").value = "guest-" + uuid().slice(0, 6);
setInterval(tick, 1000);
askTime().then(tick);
showBookings();
openNamed();
listShowtimes();
