// The panel of the chosen seats: who has them; block them, give them back, or sell them at the door.

import { element, fill } from "../lib/dom.js";
import { carryOut, sure } from "./board.js";
import { bookingLine } from "./bookings_panel.js";
import { money } from "../lib/format.js";
import { ask, operator } from "./key.js";
import { uuid } from "../lib/server.js";

const at = (id) => document.getElementById(id);
/** Most places in one booking, and most seats of one block's request. */
const [MOST_SOLD, MOST_BLOCKED] = [20, 1000];

export function seatsPanel(board) {
  const [blockForm, sellForm] = [at("block-form"), at("sell-form")];
  board.on("choice", () => show(board));
  board.on("story", ({ places, blocks }) => {
    if (board.chosen.some((seat) => places.has(seat))) show(board);
    if (blocks) showBlocks(board);
  });
  board.on("open", () => { show(board); showBlocks(board); });
  board.on("head", () => show(board));
  at("clear").addEventListener("click", () => board.map.clear());
  at("release").addEventListener("click", () => release(board));
  at("make-key").addEventListener("click", () => { blockForm.elements.key.value = uuid(); });
  blockForm.addEventListener("submit", (event) => { event.preventDefault(); block(board, blockForm.elements); });
  sellForm.addEventListener("submit", (event) => { event.preventDefault(); sell(board, sellForm.elements); });
  sellForm.addEventListener("input", () => showSum(board));
  at("blocks").addEventListener("click", (event) => {
    const button = event.target.closest("button");
    const found = button && board.story.blocks.get(button.dataset.block);
    if (!found) return;
    if (button.dataset.action === "show") board.map.choose([...found.places.keys()]);
    else end(board, found);
  });
}

function show(board) {
  const { house, chosen } = board;
  const free = board.free;
  at("chosen").textContent = !house ? "Choose a showtime first." : chosen.length ? `${chosen.length} chosen: ${house.names(chosen)}` : "Drag over seats, or click them, to choose them.";
  at("clear").disabled = !chosen.length;
  at("release").hidden = !board.blocked.size;
  const isNow = board.viewing === "now" && !board.head?.cancelled;
  at("block").disabled = !free.length || !isNow;
  at("block").textContent = free.length > 1 ? `Block ${free.length} seats` : "Block";
  showHolders(board);
  showTariffs(board);
  showAreas(board);
  showSum(board);
}
function showHolders(board) {
  const blocks = [...board.blocked.keys()].slice(0, 5).map((one) => blockLine(board, one, board.blocked.get(one)));
  const bookings = board.holders.slice(0, 5).map((booking) => element("div", { className: "card" }, bookingLine(board, booking)));
  fill(at("holder"), ...blocks, ...bookings);
}
function blockLine({ house }, one, seats) {
  const words = [one.type, one.channel && "for " + one.channel, one.reason, one.until && "until " + house.time(one.until)].filter(Boolean).join(" · ");
  return element("p", { className: "card" }, element("strong", { textContent: "Blocked: " + words }), element("small", { textContent: house.names(seats) }));
}

async function block(board, fields) {
  const seats = board.free.slice(0, MOST_BLOCKED);
  const body = { seatIds: seats.map((seat) => board.house.id(seat)), type: fields.type.value.trim() };
  if (fields.reason.value.trim()) body.reason = fields.reason.value.trim();
  if (fields.until.value) body.until = atVenue(board, fields.until.value);
  if (fields.channel.value.trim() || fields.key.value) body.channel = { name: fields.channel.value.trim(), key: fields.key.value };
  const names = board.house.names(seats);
  const isDone = await carryOut(() => operator(() => ask("POST", board.path("/blocks"), { body, key: uuid() })), `Blocked: ${names}`);
  if (!isDone) return;
  board.map.clear();
  board.story.follow();
}
/** A time from a field, as the server reads it: by the venue's clocks if it has a zone, else by the reader's. */
export function atVenue(board, text) {
  return board.head?.timeZone ? text : new Date(text).toISOString();
}

async function release(board) {
  for (const [one, seats] of board.blocked) {
    const isAll = seats.length === one.places.size && !one.channel;
    const path = board.path("/blocks/" + one.id);
    const body = { remove: seats.map((seat) => board.house.id(seat)) };
    const request = () => (isAll ? ask("DELETE", path) : ask("POST", path + "/seats", { body, key: uuid() }));
    if (!await carryOut(() => operator(request), `Free again: ${board.house.names(seats)}`)) return;
  }
  board.map.clear();
  board.story.follow();
}
async function end(board, one) {
  const path = board.path("/blocks/" + one.id);
  const answer = await sure(`End the block ${one.type}${one.channel ? " of " + one.channel : ""} with ${one.places.size} seats?`, "End it");
  if (!answer) return;
  await carryOut(() => operator(() => ask("DELETE", path)), "The block is over: its seats are free.");
  board.story.follow();
}
function showBlocks(board) {
  const blocks = [...board.story?.blocks.values() ?? []];
  fill(at("blocks"), ...blocks.map((one) => {
    const button = (action, textContent) => {
      const made = element("button", { type: "button", textContent });
      Object.assign(made.dataset, { action, block: one.id });
      made.setAttribute("aria-label", `${textContent} the block ${one.type}`);
      return made;
    };
    return element("li", {}, blockLine(board, one, [...one.places.keys()]), element("p", { className: "buttons" }, button("show", "Choose its seats"), button("end", "End")));
  }));
  if (!blocks.length) at("blocks").append(element("li", { className: "hint", textContent: "Nothing is held back." }));
}

/** A choice of tariff for each area of which places are wanted on the map. */
function showAreas(board) {
  const before = chosenTariffs("area-tariffs");
  fill(at("area-tariffs"), ...board.areas.map(({ areaId, quantity }) => tariffLine(board, `${quantity} × ${areaId}`, board.house.areas.find((area) => area.label === areaId).first, before)));
}
function tariffChoice(board, seat) {
  const tariffs = board.house.tariffs(seat);
  if (!tariffs.length) return null;
  const select = element("select", { name: "tariff" }, ...tariffs.map((tariff) => element("option", {
    value: tariff.key, textContent: `${tariff.name ?? tariff.key} · ${board.house.money(tariff.amount)}`,
  })));
  select.dataset.seat = seat;
  return select;
}
/** A line with a choice of tariff for each chosen seat that can be sold. What was chosen before stays. */
function showTariffs(board) {
  const before = chosenTariffs("tariffs");
  const seats = board.house ? sellable(board) : [];
  fill(at("tariffs"), ...seats.map((seat) => tariffLine(board, board.house.name(seat), seat, before)));
}
function chosenTariffs(list) {
  return new Map([...at(list).querySelectorAll("select")].map((select) => [select.dataset.seat, select.value]));
}
function tariffLine(board, name, seat, before) {
  const select = tariffChoice(board, seat);
  if (!select) return element("li", {}, element("span", { textContent: name }));
  select.setAttribute("aria-label", "Tariff of " + name);
  const kept = before.get(String(seat));
  if (kept && [...select.options].some((option) => option.value === kept)) select.value = kept;
  return element("li", {}, element("span", { textContent: name }), select);
}
/** The chosen seats that are free; or all of them, if one block has them. */
function sellable(board) {
  const seats = board.sourceBlock ? board.chosen : board.free;
  return seats.filter((seat) => board.house.isSeat(seat)).slice(0, MOST_SOLD);
}
/** The places of areas that are wanted, each with its choice of tariff. */
function areasWanted(board) {
  const selects = at("area-tariffs").children;
  return board.areas.map((area, place) => ({ ...area, tariff: selects[place]?.querySelector("select") ?? null }));
}
function showSum(board) {
  const seats = board.house ? sellable(board) : [];
  const areas = areasWanted(board);
  const places = seats.length + areas.reduce((sum, { quantity }) => sum + quantity, 0);
  at("sell").disabled = !places || board.viewing !== "now" || Boolean(board.head?.cancelled);
  at("sell").textContent = (places > 1 ? `Sell ${places} places` : "Sell") + (seats.length && board.sourceBlock ? " of the block" : "");
  const amount = (select) => (select ? board.house.tariffs(Number(select.dataset.seat)).find((tariff) => tariff.key === select.value)?.amount ?? 0 : 0);
  let sum = 0;
  for (const select of at("tariffs").querySelectorAll("select")) sum += amount(select);
  for (const { quantity, tariff } of areas) sum += quantity * amount(tariff);
  at("sum").textContent = places && board.house.currency ? money(sum, board.house.currency) : "";
}

/** The sale whose outcome is not known yet: pressing again asks for the same one. */
let sale = null;
let isSelling = false;

async function sell(board, fields) {
  if (isSelling) return;
  isSelling = true;
  try { await sellOnce(board, fields); } finally { isSelling = false; }
}
async function sellOnce(board, fields) {
  const seats = sellable(board);
  const body = { userId: fields.user.value.trim(), paymentReference: fields.payment.value.trim() };
  if (seats.length) {
    body.seatIds = seats.map((seat) => board.house.id(seat));
    const tariffs = [...at("tariffs").querySelectorAll("select")].map((select) => select.value);
    if (tariffs.length === seats.length) body.tariffs = tariffs;
    if (board.sourceBlock) body.blockId = board.sourceBlock.id;
  }
  const areas = areasWanted(board);
  if (areas.length) body.areas = areas.map(({ areaId, quantity, tariff }) => (tariff ? { areaId, quantity, tariff: tariff.value } : { areaId, quantity }));
  const path = board.path("/bookings");
  const wish = path + JSON.stringify(body);
  if (sale?.wish !== wish) sale = { wish, key: uuid(), paymentReference: body.paymentReference || "door " + uuid() };
  body.paymentReference = sale.paymentReference;
  const told = ({ data }) => {
    const places = board.house.namesOf(data.seatIds);
    return `Sold: ${places}${data.price ? " for " + money(data.price.total, data.price.currency) : ""}, payment ${body.paymentReference}`;
  };
  const send = async () => {
    try { return await operator(() => ask("POST", path, { body, key: sale.key })); } catch (refusal) { if (!refusal.unknown) sale = null; throw refusal; }
  };
  const isDone = await carryOut(send, told);
  if (!isDone) return;
  sale = null;
  fields.payment.value = "";
  board.map.clear();
  board.story.follow();
}
