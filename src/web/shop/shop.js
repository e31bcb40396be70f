// The shop's front: showtimes to come, searched and filtered, with what is left of each.

import { byId, element, fill, say } from "../lib/dom.js";
import { day, money, timeOfDay } from "../lib/format.js";
import { call } from "../lib/server.js";
import { lowest } from "../seat_map/prices.js";

const PAGE = 24;
const REFRESH_MILLISECONDS = 5000;
const TYPING_MILLISECONDS = 250;
const SHOWTIME_ID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
const cards = new Map();
let cursor = null;
let asked = 0;
let typing = null;

/** Midnight of a day by this machine's clocks, as the API takes it. */
function midnight(text, daysLater = 0) {
  const [year, month, date] = text.split("-").map(Number);
  return new Date(year, month - 1, date + daysLater).toISOString();
}
function filters() {
  const wanted = new URLSearchParams();
  const [title, from, to, seats] = ["title", "from", "to", "seats"].map((id) => byId(id).value.trim());
  if (title) wanted.set("title", title);
  if (from) wanted.set("from", midnight(from));
  if (to) wanted.set("to", midnight(to, 1));
  if (Number(seats) >= 1) wanted.set("available", String(Math.floor(Number(seats))));
  if (byId("on-sale").checked) wanted.set("onSale", "true");
  return wanted;
}

function availability(item) {
  if (item.cancelled) return ["cancelled: " + item.cancelled, "none"];
  if (!item.available) return ["sold out", "none"];
  const few = item.available <= Math.max(5, item.seats * 0.1);
  return [item.available.toLocaleString() + " of " + item.seats.toLocaleString() + " available", few ? "few" : "many"];
}
function price(item) {
  const amount = lowest(item.prices);
  return amount === null ? "" : "from " + money(amount, item.prices.currency);
}

function card(item) {
  const parts = { title: element("h3"), time: element("p", { className: "time" }), left: element("span", { className: "left" }), price: element("span", { className: "price" }) };
  const meter = element("span", { className: "meter", aria: { hidden: "true" } }, element("span"));
  const link = element("a", { className: "showtime", href: "/showtimes/" + item.id, data: { id: item.id } },
    element("div", {}, parts.title, parts.time), element("div", { className: "figures" }, parts.price, parts.left, meter));
  cards.set(item.id, { link, parts, meter: meter.firstChild });
  paint(item);
  return element("li", {}, link);
}
function paint(item) {
  const { link, parts, meter } = cards.get(item.id);
  const [text, kind] = availability(item);
  say(parts.title, item.movieTitle);
  say(parts.time, timeOfDay(item.startTime, item.timeZone));
  say(parts.left, text);
  say(parts.price, price(item));
  link.dataset.left = kind;
  meter.style.width = Math.round(100 * (item.cancelled ? 0 : item.available / Math.max(1, item.seats))) + "%";
}

/** Items under headings of their days, after those that are there. */
function append(items) {
  for (const item of items) {
    if (cards.has(item.id)) continue;
    const when = day(item.startTime, item.timeZone);
    let last = byId("showtimes").lastElementChild;
    if (last?.dataset.day !== when) {
      last = element("section", { data: { day: when } }, element("h2", {}, when), element("ul"));
      byId("showtimes").append(last);
    }
    last.querySelector("ul").append(card(item));
  }
}

async function list(isMore) {
  const mine = asked += 1;
  const [from, to] = [byId("from").value, byId("to").value];
  if (from && to && to < from) { showNone("The last day is before the first one."); return; }
  const wanted = filters();
  wanted.set("limit", PAGE);
  if (isMore && cursor) wanted.set("cursor", cursor);
  try {
    const page = await call("GET", "/api/showtimes?" + wanted);
    if (mine !== asked) return;
    if (!isMore) { cards.clear(); fill(byId("showtimes")); }
    append(page.items);
    cursor = page.nextCursor ?? null;
    byId("more").hidden = !cursor;
    say(byId("message"), "");
    const none = [...filters()].length ? "No showtime fits these filters." : "There is no showtime yet.";
    say(byId("found"), cards.size ? "" : cursor ? "None so far: there are more to look through." : none);
  } catch (error) {
    if (mine === asked) say(byId("message"), error.message);
  }
}

function showNone(why) {
  cards.clear();
  fill(byId("showtimes"));
  byId("more").hidden = true;
  say(byId("message"), "");
  say(byId("found"), why);
}

/** What is left changes while one looks. */
async function refresh() {
  if (document.hidden || !cards.size) return;
  const mine = asked;
  const wanted = filters();
  wanted.set("limit", Math.min(200, Math.max(PAGE, cards.size)));
  try {
    const { items } = await call("GET", "/api/showtimes?" + wanted);
    if (mine !== asked) return;
    for (const item of items) if (cards.has(item.id)) paint(item);
    say(byId("message"), "");
  } catch (error) {
    if (mine === asked) say(byId("message"), error.message);
  }
}

const named = location.hash.slice(1);
// Addresses of an earlier version had the showtime here.
if (SHOWTIME_ID.test(named)) location.replace("/showtimes/" + named.toLowerCase());
byId("filters").addEventListener("input", () => { clearTimeout(typing); typing = setTimeout(() => list(false), TYPING_MILLISECONDS); });
byId("filters").addEventListener("submit", (event) => { event.preventDefault(); list(false); });
byId("more").addEventListener("click", () => list(true));
const unfold = (isOpen) => byId("fold").setAttribute("aria-expanded", String(isOpen));
byId("fold").addEventListener("click", () => unfold(byId("fold").getAttribute("aria-expanded") !== "true"));
// A filter that the browser has put back is not hidden.
unfold([...filters().keys()].some((name) => name !== "title"));
addEventListener("online", () => list(false));
addEventListener("hashchange", () => { if (SHOWTIME_ID.test(location.hash.slice(1))) location.replace("/showtimes/" + location.hash.slice(1)); });
document.addEventListener("visibilitychange", refresh);
setInterval(refresh, REFRESH_MILLISECONDS);
list(false);
