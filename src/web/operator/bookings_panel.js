// The panel of bookings: find one, and confirm, cancel, extend, refund or exchange it.

import { element, fill } from "../lib/dom.js";
import { uuid } from "../lib/server.js";
import { carryOut, say, sure } from "./board.js";
import { money } from "../lib/format.js";
import { ask, download, operator } from "./key.js";

const at = (id) => document.getElementById(id);
const WORDS = { Pending: "held", Confirmed: "sold", Cancelled: "cancelled", Expired: "expired" };

export function bookingsPanel(board) {
  const form = at("find-form");
  let cursor = null;
  const query = () => {
    const wanted = new URLSearchParams();
    for (const name of ["userId", "paymentReference", "status"]) if (form.elements[name].value.trim()) wanted.set(name, form.elements[name].value.trim());
    if (form.elements.seat.checked && board.chosen.length) wanted.set("seatId", board.house.id(board.chosen[0]));
    return wanted;
  };
  const find = async (more) => {
    if (!board.id) { say("Choose a showtime first."); return; }
    const wanted = query();
    wanted.set("limit", "50");
    if (more && cursor) wanted.set("cursor", cursor);
    const { id } = board;
    await carryOut(async () => {
      const { data } = await operator(() => ask("GET", board.path("/bookings?" + wanted)));
      // Another showtime was opened meanwhile.
      if (id !== board.id) return;
      cursor = data.nextCursor ?? null;
      const lines = data.items.map((booking) => entry(board, booking));
      if (more) at("found").append(...lines); else fill(at("found"), ...lines);
      at("found-more").hidden = !cursor;
      const count = at("found").children.length;
      at("found-said").textContent = count ? `${count}${cursor ? " and more" : ""} found` : "No booking is like that.";
    });
  };
  form.addEventListener("submit", (event) => { event.preventDefault(); find(false); });
  at("found-more").addEventListener("click", () => find(true));
  at("bookings-csv").addEventListener("click", () => board.id && carryOut(() => {
    const wanted = query();
    wanted.set("format", "csv");
    return download(board.path("/bookings?" + wanted), `bookings ${board.head.movieTitle}.csv`);
  }));
  at("found").addEventListener("click", (event) => {
    const button = event.target.closest("button[data-action]");
    if (button) act(board, button.closest("li"), button.dataset.action);
  });
  board.on("open", () => {
    fill(at("found"));
    at("found-said").textContent = "";
    at("found-more").hidden = true;
  });
}

/** A booking of the story in a few words, with a way to all that can be done about it. */
export function bookingLine(board, booking) {
  const { house } = board;
  const line = element("p", { className: "booking-line" },
    element("strong", { textContent: `${booking.status === "Confirmed" ? "Sold to" : "Held by"} ${booking.user}` }),
    element("small", { textContent: [house.names(booking.places.keys()), booking.status === "Pending" && "until " + house.time(booking.until, { timeStyle: "medium" }),
      booking.payment && "payment " + booking.payment].filter(Boolean).join(" · ") }));
  const button = element("button", { type: "button", textContent: "Act on it" });
  button.addEventListener("click", () => showOne(board, booking.id));
  line.append(button);
  return line;
}
/** Shows one booking in the panel. */
export async function showOne(board, id) {
  at("tab-find").click();
  await carryOut(async () => {
    const { data } = await operator(() => ask("GET", "/api/bookings/" + encodeURIComponent(id)));
    fill(at("found"), entry(board, data));
    at("found-more").hidden = true;
    at("found-said").textContent = "1 found";
  });
}

const shown = new WeakMap();
function entry(board, booking) {
  const line = element("li", { className: "card" });
  shown.set(line, booking);
  paint(board, line, booking);
  return line;
}
function paint({ house }, line, booking) {
  const seats = booking.seatIds.map((id) => house.order.placeOf(id));
  const facts = [
    booking.price && money(booking.price.total, booking.price.currency), booking.paymentReference && "payment " + booking.paymentReference,
    booking.status === "Pending" && "until " + house.time(booking.expiresAt, { timeStyle: "medium" }), "made " + house.time(booking.reservedAt),
    booking.cancelReason, booking.refundedSeatIds?.length && "refunded before: " + house.namesOf(booking.refundedSeatIds),
    booking.refusedPayment && `payment ${booking.refusedPayment} came too late and is to be returned`,
  ].filter(Boolean);
  const status = element("span", { className: "badge", textContent: WORDS[booking.status] });
  status.dataset.status = booking.status;
  const isLive = booking.status === "Pending" || booking.status === "Confirmed";
  line.dataset.booking = booking.bookingId;
  fill(line, element("p", { className: "who" }, element("strong", { textContent: booking.userId }), status),
    element("small", { textContent: facts.join(" · ") }), seatList(house, seats, booking, isLive), ...actions(booking));
}
/** The seats of a live booking can be ticked: to be refunded, or given back in an exchange. */
function seatList(house, seats, booking, isLive) {
  if (!isLive) return element("p", { className: "seat-list", textContent: house.names(seats) });
  const amounts = new Map((booking.price?.places ?? []).map((place) => [house.order.placeOf(place.seatId), place]));
  return element("ul", { className: "seat-list" }, ...seats.map((seat) => {
    const price = amounts.get(seat);
    const text = house.name(seat) + (price ? ` · ${price.tariff} ${money(price.amount, booking.price.currency)}` : "");
    const tick = element("input", { type: "checkbox", value: house.id(seat) });
    return element("li", {}, element("label", {}, tick, text));
  }));
}
function actions({ status }) {
  const button = (action, textContent, className = "") => {
    const made = element("button", { type: "button", textContent, className });
    made.dataset.action = action;
    return made;
  };
  const all = [button("show", "Show on the map")];
  if (status === "Pending") {
    const payment = element("input", { name: "payment", maxLength: 200, placeholder: "payment reference" });
    payment.setAttribute("aria-label", "Payment reference");
    all.push(payment, button("confirm", "Confirm", "main"), button("extend", "Extend"), button("cancel", "Cancel", "danger"));
  }
  if (status === "Confirmed") all.push(button("refund", "Refund…", "danger"));
  if (status === "Pending" || status === "Confirmed") all.push(button("exchange", "Exchange"));
  const hint = element("p", { className: "hint", textContent: "Tick seats to refund only those. To exchange, tick what is given back and choose the new seats on the map." });
  return status === "Confirmed" || status === "Pending" ? [element("div", { className: "buttons" }, ...all), hint] : [element("div", { className: "buttons" }, ...all)];
}

function toReturn({ refund, refundAmount }, part) {
  return `Return the payment ${refund}${part}${refundAmount ? ": " + money(refundAmount.amount, refundAmount.currency) : ""}.`;
}
/** What an exchange means for the till. */
function settled(difference) {
  if (!difference?.amount) return "";
  const sum = money(Math.abs(difference.amount), difference.currency);
  return difference.amount > 0 ? `. To be paid: ${sum} more.` : `. To be returned: ${sum}.`;
}
async function act(board, line, action) {
  const booking = shown.get(line);
  const path = "/api/bookings/" + encodeURIComponent(booking.bookingId);
  const ticked = [...line.querySelectorAll("input[type=checkbox]:checked")].map((tick) => tick.value);
  const send = (verb, body, told) => carryOut(() => operator(() => ask("POST", path + verb, { body, key: uuid() })), told);
  const { house } = board;
  let isDone = false;
  if (action === "show") {
    board.map.choose(booking.seatIds.map((id) => house.order.placeOf(id)));
  } else if (action === "confirm") {
    const payment = line.querySelector("[name=payment]").value.trim();
    if (!payment) { say("Name the payment that was taken."); return; }
    isDone = await send("/confirm", { paymentReference: payment }, "It is sold.");
  } else if (action === "extend") {
    isDone = await send("/extend", {}, ({ data }) => "It is held until " + house.time(data.expiresAt, { timeStyle: "medium" }));
  } else if (action === "cancel") {
    if (await sure(`Cancel the hold of ${booking.userId}?`, "Cancel it")) isDone = await send("/cancel", {}, "It is cancelled: its seats are free.");
  } else if (action === "refund") {
    const seats = ticked.length && ticked.length < booking.seatIds.length ? ticked : null;
    const what = seats ? house.namesOf(seats) : "all of it";
    const answer = await sure(`Refund ${what} of ${booking.userId}?`, "Refund", { asksReason: true });
    if (!answer) return;
    const body = { ...(seats && { seatIds: seats }), ...(answer.reason && { reason: answer.reason }) };
    isDone = await send("/refund", body, ({ data }) => (data.refund ? toReturn(data, seats ? ", the part for " + what : "") : "It was refunded before."));
  } else if (action === "exchange") {
    const add = board.free.map((seat) => house.id(seat));
    if (!add.length && !ticked.length) { say("Tick what is given back, and choose the new seats on the map."); return; }
    isDone = await send("/seats", { ...(add.length && { add }), ...(ticked.length && { remove: ticked }) }, ({ data }) => "It has now: " + house.namesOf(data.seatIds) + settled(data.difference));
  }
  if (!isDone) return;
  board.map.clear();
  board.story.follow();
  const { data } = await ask("GET", path);
  shown.set(line, data);
  paint(board, line, data);
}
