// The panel of the showtime itself: make one from an auditorium, change its terms, cancel it.

import { element, fill } from "../lib/dom.js";
import { uuid } from "../lib/server.js";
import { carryOut, sure } from "./board.js";
import { ask, operator } from "./key.js";
import { digitsOf, isAmount, minor } from "./prices.js";

const at = (id) => document.getElementById(id);
const TIMES = ["onSaleFrom", "onSaleUntil", "accessibleForAllFrom"];
const COUNTS = ["placesPerBooking", "placesPerCustomer", "holdSeconds"];

/** `open` is called with the id of a showtime that was made. */
export function termsPanel(board, open) {
  const form = at("terms-form");
  const state = { isNew: false, touched: new Set(), categories: [], key: null };
  at("new-showtime").addEventListener("click", () => begin(board, form, state));
  form.addEventListener("input", (event) => { state.touched.add(event.target.name); at("terms-save").disabled = false; });
  form.elements.auditorium.addEventListener("change", () => zonesOfAuditorium(form, state));
  form.addEventListener("submit", (event) => { event.preventDefault(); save(board, form, state, open); });
  at("zones").addEventListener("click", (event) => {
    const action = event.target.closest("button")?.dataset.action;
    if (!action) return;
    if (action === "add") event.target.closest("fieldset").querySelector("ul").append(tariffLine({ key: "", amount: "" }));
    else event.target.closest("li").remove();
    state.touched.add("prices");
    at("terms-save").disabled = false;
  });
  at("terms-cancel").addEventListener("click", async () => {
    const path = board.path("/cancel");
    const answer = await sure(`Cancel ${board.head.movieTitle}? Every booking is cancelled, for good.`, "Cancel the showtime", { wantsReason: true });
    if (answer) await carryOut(() => operator(() => ask("POST", path, { body: answer })), "The showtime is cancelled.");
  });
  board.on("head", () => show(board, form, state));
  board.on("open", () => {
    // What was typed was meant for the showtime before.
    Object.assign(state, { isNew: false, touched: new Set() });
    show(board, form, state);
  });
  fill(at("time-zones"), ...(Intl.supportedValuesOf?.("timeZone") ?? []).map((value) => element("option", { value })));
}

/** Whether this browser knows a time zone. */
function isKnown(timeZone) {
  try { return Boolean(new Intl.DateTimeFormat("en", { timeZone })); } catch { return false; }
}
/** A time as the venue's clocks show it, for a field; in UTC where this browser does not know the zone. */
function local(text, timeZone) {
  if (!text) return "";
  const parts = new Intl.DateTimeFormat("sv-SE", { timeZone: isKnown(timeZone) ? timeZone : "UTC", year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit" }).format(new Date(text));
  return parts.replace(" ", "T");
}

function show(board, form, state) {
  if (state.isNew || state.touched.size || !board.head) return;
  const { head } = board;
  const fields = form.elements;
  at("terms-title").textContent = head.cancelled ? `Cancelled: ${head.cancelled}` : "This showtime";
  form.querySelector("[data-new]").hidden = true;
  fields.auditorium.disabled = true;
  fields.movieTitle.value = head.movieTitle;
  fields.timeZone.value = head.timeZone ?? "";
  fields.startTime.value = local(head.startTime, head.timeZone);
  for (const name of TIMES) fields[name].value = local(head[name], head.timeZone);
  for (const name of COUNTS) fields[name].value = head[name] ?? "";
  fields.orphans.checked = head.orphans === "refuse";
  fields.currency.value = head.prices?.currency ?? "";
  state.categories = board.house.categories;
  showZones(state, head.prices?.zones ?? [], head.prices?.currency);
  at("terms-save").disabled = true;
  at("terms-save").textContent = "Save";
  at("terms-cancel").hidden = Boolean(head.cancelled);
  for (const field of fields) if (field.name !== "auditorium") field.disabled = Boolean(head.cancelled);
  at("terms-save").disabled = true;
}

async function begin(board, form, state) {
  Object.assign(state, { isNew: true, touched: new Set(), key: uuid() });
  form.reset();
  for (const field of form.elements) field.disabled = false;
  at("terms-title").textContent = "New showtime";
  at("terms-save").textContent = "Make it";
  at("terms-cancel").hidden = true;
  form.querySelector("[data-new]").hidden = false;
  form.elements.timeZone.value = board.head?.timeZone ?? Intl.DateTimeFormat().resolvedOptions().timeZone;
  form.elements.currency.value = board.head?.prices?.currency ?? "EUR";
  await carryOut(async () => {
    const { data } = await ask("GET", "/api/auditoriums?limit=200");
    fill(form.elements.auditorium, ...data.items.map((house) => element("option", { value: house.id, textContent: `${house.name} · ${house.places.toLocaleString()} places` })));
    await zonesOfAuditorium(form, state);
  });
  form.elements.movieTitle.focus();
}
async function zonesOfAuditorium(form, state) {
  const id = form.elements.auditorium.value;
  if (!id) return;
  const { data } = await ask("GET", "/api/auditoriums/" + encodeURIComponent(id));
  // Only categories that some place has can be priced.
  const rows = data.sections.flatMap((section) => section.rows);
  const used = new Set([...rows, ...rows.flatMap((row) => row.seats), ...(data.areas ?? [])].map((part) => part.category));
  state.categories = (data.categories ?? []).filter(({ key }) => used.has(key));
  showZones(state, [...state.categories.map(({ key }) => ({ category: key, tariffs: [{ key: "full", amount: "" }] })), { tariffs: [{ key: "full", amount: "" }] }], form.elements.currency.value);
}

function showZones({ categories }, zones, currency) {
  const digits = digitsOf(currency || "EUR");
  const names = new Map(categories.map(({ key, name }) => [key, name ?? key]));
  const all = [...zones];
  for (const { key } of categories) if (!all.some((zone) => zone.category === key)) all.push({ category: key, tariffs: [] });
  if (!all.some((zone) => zone.category === undefined)) all.push({ tariffs: [] });
  fill(at("zones"), ...all.map((zone) => {
    const name = zone.category === undefined ? (categories.length ? "All other places" : "All places") : names.get(zone.category) ?? zone.category;
    const add = element("button", { type: "button", textContent: "Add a tariff" });
    add.dataset.action = "add";
    const box = element("fieldset", { className: "zone" }, element("legend", { textContent: name }),
      element("ul", {}, ...zone.tariffs.map((tariff) => tariffLine(tariff, digits))), add);
    if (zone.category !== undefined) box.dataset.category = zone.category;
    return box;
  }));
}
function tariffLine({ key, name, amount, operatorsOnly }, digits = 2) {
  const field = (label, properties) => {
    const input = element("input", properties);
    input.setAttribute("aria-label", label);
    return input;
  };
  const remove = element("button", { type: "button", textContent: "×" });
  remove.dataset.action = "remove";
  remove.setAttribute("aria-label", "Remove the tariff");
  const value = amount === "" ? "" : (amount / 10 ** digits).toFixed(digits);
  const mine = element("label", { className: "tick" }, element("input", { type: "checkbox", name: "operatorsOnly", checked: Boolean(operatorsOnly) }), " door only");
  const line = element("li", {}, field("Name of the tariff", { name: "tariff", value: name ?? key, maxLength: 100, placeholder: "Full price" }),
    field("Amount", { name: "amount", value, inputMode: "decimal", placeholder: "0.00" }), mine, remove);
  if (key) line.dataset.key = key;
  return line;
}
/** The prices of the form; null if there are none. An amount that cannot be read is shown at its field, and `undefined` is the answer. */
function prices(form) {
  const currency = form.elements.currency.value.trim().toUpperCase();
  const digits = digitsOf(currency || "EUR");
  for (const line of at("zones").querySelectorAll("li")) {
    const amount = line.querySelector("[name=amount]");
    const isNamed = line.querySelector("[name=tariff]").value.trim() !== "";
    if (!isAmount(amount, digits, isNamed)) return undefined;
  }
  const zones = [...at("zones").children].map((box) => {
    const tariffs = [...box.querySelectorAll("li")].map((line) => {
      const name = line.querySelector("[name=tariff]").value.trim();
      const amount = minor(line.querySelector("[name=amount]").value, digits);
      const key = line.dataset.key || name.toLowerCase().replace(/[^\p{L}\p{N}]+/gu, "-").slice(0, 40);
      const isMine = line.querySelector("[name=operatorsOnly]").checked;
      return key && amount !== null ? { key, ...(name && name !== key && { name }), amount, ...(isMine && { operatorsOnly: true }) } : null;
    }).filter(Boolean);
    return box.dataset.category === undefined ? { tariffs } : { category: box.dataset.category, tariffs };
  }).filter((zone) => zone.tariffs.length);
  return zones.length && currency ? { currency, zones } : null;
}

/** What was changed: only that is sent, so that nothing that another operator has changed meanwhile is taken back. */
function changes(form, state) {
  const fields = form.elements;
  const touched = (name) => state.isNew || state.touched.has(name);
  const body = {};
  if (touched("movieTitle")) body.movieTitle = fields.movieTitle.value.trim();
  if (touched("timeZone")) body.timeZone = fields.timeZone.value.trim() || null;
  const zone = fields.timeZone.value.trim();
  const time = (text) => (text === "" ? null : !zone ? new Date(text).toISOString() : isKnown(zone) ? text : text + "Z");
  // Without its zone, a local time would be another moment: both go together.
  if (touched("startTime") || touched("timeZone")) body.startTime = time(fields.startTime.value);
  for (const name of TIMES) if (touched(name)) body[name] = time(fields[name].value);
  for (const name of COUNTS) if (touched(name)) body[name] = fields[name].value === "" ? null : Number(fields[name].value);
  if (touched("orphans")) body.orphans = fields.orphans.checked ? "refuse" : null;
  if (["prices", "tariff", "amount", "operatorsOnly", "currency"].some(touched)) body.prices = prices(form);
  if (state.isNew) for (const name of Object.keys(body)) if (body[name] === null) delete body[name];
  return body;
}
async function save(board, form, state, open) {
  const body = changes(form, state);
  if ("prices" in body && body.prices === undefined) return;
  if (state.isNew) {
    let made = null;
    const request = () => ask("POST", "/api/showtimes", { body: { ...body, auditoriumId: form.elements.auditorium.value }, key: state.key });
    let isUnknown = false;
    const send = async () => {
      try { made = (await operator(request)).data; } catch (refusal) { isUnknown = Boolean(refusal.unknown); throw refusal; }
    };
    const isDone = await carryOut(send, "The showtime is made.");
    // While it is not known whether it was made, the same request is made again, not a second showtime.
    if (!isUnknown) state.key = uuid();
    if (!isDone) return;
    Object.assign(state, { isNew: false, touched: new Set() });
    await open(made.id);
  } else if (board.id && await carryOut(() => operator(() => ask("PATCH", board.path(), { body })), "Saved.")) {
    state.touched = new Set();
    at("terms-save").disabled = true;
  }
}
