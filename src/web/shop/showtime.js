// One showtime: the map, what is chosen, and the bookings of this browser. The server's feed is the only source of seat states.

import "../seat_map/element.js";
import { byId, button, element, fill, say as tell } from "../lib/dom.js";
import { count, moment, money } from "../lib/format.js";
import { askTime, serverNow, timeIsDoubtful, uuid } from "../lib/server.js";
import * as best from "./best.js";
import { bookingLine, countDown } from "./booking.js";
import * as bookings from "./bookings.js";
import { Choice, holdText } from "./choice.js";
import { act, asked, isLive, refresh, reserve, statusOf, underWay } from "./commands.js";

const showtime = decodeURIComponent(location.pathname.split("/").pop()).toLowerCase();
const map = byId("map");
const choice = new Choice(map, showChoice);
const isHere = (booking) => booking.showtimeId === showtime;

function say(text, kind) {
  byId("message").dataset.kind = kind || "bad";
  tell(byId("message"), text);
  tell(byId("request-number"), "");
  if (!text) fill(byId("offers"));
}
function user() {
  return byId("user").value.trim();
}

/** What is shown, when, and what is left. */
function showHead() {
  const { movieTitle, startTime, timeZone, cancelled, onSaleFrom, onSaleUntil } = map.listing;
  if (!movieTitle) return;
  tell(byId("title"), movieTitle + (cancelled ? " (cancelled: " + cancelled + ")" : ""));
  document.title = movieTitle + " · Turnstile";
  const { sectionFree, areaFree } = map.states;
  const free = sectionFree.reduce((sum, some) => sum + some, 0) + areaFree.reduce((sum, some) => sum + some, 0);
  const now = serverNow() ?? Date.now();
  const sale = onSaleFrom && Date.parse(onSaleFrom) > now ? "on sale from " + moment(onSaleFrom, timeZone)
    : onSaleUntil && Date.parse(onSaleUntil) < now ? "no longer on sale" : "";
  tell(byId("facts"), [moment(startTime, timeZone), count(map.model.count, "place") + ", " + free.toLocaleString() + " available", sale].filter(Boolean).join(" · "));
}
function showChoice() {
  const { places, sum, currency } = choice.show();
  const { editing } = choice;
  const busy = underWay.size > 0;
  byId("reserve").disabled = busy || (editing ? !Object.keys(choice.exchange()).length : !places.length);
  byId("hold-best").disabled = busy || Boolean(editing);
  tell(byId("reserve"), holdText(choice));
  const { size } = choice;
  byId("clear").disabled = !size && !editing;
  tell(byId("clear"), editing ? "Keep as it was" : "Clear");
  byId("bar").hidden = !size;
  tell(byId("bar-count"), count(size, map.areas.length ? "place" : "seat") + (currency ? " · " + money(sum, currency) : ""));
}

function showBookings() {
  const all = bookings.all();
  byId("no-bookings").hidden = all.length > 0;
  byId("not-kept").hidden = bookings.lasting;
  const focused = document.activeElement?.closest("[data-booking]")?.dataset.booking;
  fill(byId("bookings"), ...all.map((booking) => bookingLine(booking, does, isHere(booking))));
  if (focused) byId("bookings").querySelector('[data-booking="' + CSS.escape(focused) + '"] button:enabled')?.focus();
  map.own(all.filter((booking) => isHere(booking) && isLive(booking)).flatMap((booking) => booking.seatIds));
  if (choice.editing) {
    const latest = bookings.get(choice.editing.bookingId);
    if (!latest || statusOf(latest) !== "Pending") stopEditing();
    else choice.editing = latest;
  }
  showChoice();
  countDown(byId("bookings"));
}

async function explain(refusal, { names, body }) {
  // Few need it; and what cannot be had is not offered.
  const offers = refusal.status === 409 ? await import("./offers.js").catch(() => null) : null;
  const taken = refusal.problem?.conflicts ?? [];
  if (taken.length && refusal.code === "seats-taken") {
    const gone = taken.map(({ seatId, reason }) => map.name(seatId) + " (" + reason.toLowerCase() + ")").join(", ");
    say("Not free any more: " + gone + ". " + (choice.editing ? "Your booking is as it was." : "Nothing was reserved; the other seats are still chosen."));
  } else if (refusal.unknown) {
    say(refusal.message + " If " + names + " were reserved, they are yours: ask again below.");
  } else {
    say(offers?.fullWords(map, refusal, body) ?? refusal.message);
    // With it the box office finds out more.
    if (refusal.problem?.traceId) tell(byId("request-number"), "Request " + refusal.problem.traceId);
  }
  fill(byId("offers"), ...(offers?.offersAfter(map, refusal, body) ?? []).map(offerButton));
}
/** Takes what is offered instead, with one click. */
function offerButton({ names, why, seatIds, areas }) {
  const take = () => {
    say("");
    map.clear();
    map.choose(seatIds);
    for (const { areaId, quantity } of areas) map.want(areaId, quantity);
    if (seatIds.length) map.show(seatIds);
    hold();
  };
  const made = button("Hold " + names + " instead", take, { ariaLabel: "Hold " + names + " instead" + (why ? ", " + why : "") });
  made.append(element("small", {}, why));
  return made;
}

async function hold(names = choice.names(), body = choice.body()) {
  if (!user()) { say("Say who you are first."); byId("user").focus(); return; }
  try { localStorage.setItem("turnstile.user", JSON.stringify(user())); } catch { /* a private window */ }
  await send(asked(showtime, map, user(), names, body));
}
/** The server chooses and holds in one step: in a crowd, what was found before may be gone. */
async function holdBest() {
  if (!byId("best").reportValidity()) return;
  const bestAvailable = best.wish();
  await hold("The best " + count(bestAvailable.quantity, "seat"), { bestAvailable });
}
async function send(booking, over = map) {
  say("");
  try {
    const made = await reserve(booking, over, showBookings);
    if (booking.body?.bestAvailable) bookings.put(Object.assign(made, { names: made.seatIds.map((id) => map.name(id)).join(", ") }));
    if (made.status === "Pending") say("Held for you: " + made.names + ".", "good");
    else say("Your booking of " + made.names + " is " + made.status.toLowerCase() + ".");
  } catch (refusal) {
    await explain(refusal, booking);
  }
  showBookings();
}
async function perform(booking, verb, body) {
  say("");
  try {
    const answer = await act(booking, verb, body, showBookings);
    say(answer.message, "good");
    return answer;
  } catch (refusal) {
    await explain(refusal, booking);
    return null;
  } finally {
    showBookings();
  }
}
async function change() {
  const booking = choice.editing;
  const answer = await perform(booking, "seats", choice.exchange());
  if (!answer) return;
  const names = answer.seatIds.map((id) => map.name(id)).join(", ");
  bookings.put({ ...bookings.get(booking.bookingId), names });
  stopEditing();
  showBookings();
}
function stopEditing() {
  choice.editing = null;
  choice.given.clear();
  map.clear();
}

const does = {
  confirm: (booking) => perform(booking, "confirm", { paymentReference: "demo-" + uuid() }),
  extend: (booking) => perform(booking, "extend"),
  cancel: (booking) => perform(booking, "cancel"),
  edit: (booking) => { say(""); choice.edit(booking); showChoice(); byId("yours").scrollIntoView({ block: "nearest" }); },
  again: (booking) => booking.asked?.confirm ? does.confirm(booking) : send(booking, null),
  forget: (booking) => { bookings.remove(booking.bookingId); showBookings(); },
  rechoose: (booking) => { say(""); map.clear(); map.choose(booking.seatIds); map.show(booking.seatIds); },
};

function tick() {
  if (timeIsDoubtful()) askTime();
  countDown(byId("bookings"));
  const lines = [...byId("bookings").children];
  if (byId("facts").textContent) showHead();
  if (lines.some((line) => { const booking = bookings.get(line.dataset.booking); return booking && line.dataset.status !== statusOf(booking); })) showBookings();
}
/** Whatever happened to a hold of this browser elsewhere. */
function refreshOwn(seatIds) {
  for (const booking of bookings.all()) {
    if (isHere(booking) && booking.status === "Pending" && (!seatIds || booking.seatIds.some((id) => seatIds.has(id)))) refresh(booking, showBookings);
  }
}

map.addEventListener("loaded", () => { showHead(); best.prepare(map); showBookings(); });
map.addEventListener("change", ({ detail }) => {
  showHead();
  if (detail.listing) { best.prepare(map); showChoice(); }
  if (detail.seatIds.length) refreshOwn(new Set(detail.seatIds));
});
map.addEventListener("status", ({ detail }) => {
  byId("connection").dataset.state = detail.state;
  tell(byId("connection"), detail.text);
  if (detail.state === "live") refreshOwn();
});
map.addEventListener("failed", ({ detail }) => {
  if (map.sequence) return;
  tell(byId("title"), detail.status === 404 || detail.status === 400 ? "There is no such showtime" : "Not available now");
  say(detail.message);
});
map.addEventListener("seats-chosen", ({ detail }) => {
  if (detail.isCut) say("At most " + map.max + " places can be booked at once, and not more than are left.");
  else if (byId("message").dataset.kind === "bad") say("");
  showChoice();
});
map.addEventListener("seat-lost", ({ detail }) => say(detail.names.join(", ") + " just went to somebody else."));
map.addEventListener("seat-pressed", ({ detail }) => { if (choice.give(detail.seatId)) showChoice(); });
byId("best").addEventListener("submit", (event) => { event.preventDefault(); best.find(map, showtime, user(), say); });
byId("hold-best").addEventListener("click", holdBest);
byId("reserve").addEventListener("click", () => choice.editing ? change() : hold());
byId("clear").addEventListener("click", () => { say(""); if (choice.editing) stopEditing(); map.clear(); showChoice(); });
byId("skip").addEventListener("click", (event) => { event.preventDefault(); map.focusMap(); });
bookings.watch(showBookings);
try { byId("user").value = JSON.parse(localStorage.getItem("turnstile.user")) || ""; } catch { byId("user").value = ""; }
if (!byId("user").value) byId("user").value = "guest-" + uuid().slice(0, 6);
map.setAttribute("showtime", showtime);
setInterval(tick, 1000);
askTime().then(tick);
showBookings();
