"use strict";
// A live seat map. The server's feed is the only source of seat states: every message has a sequence, and a message is
// applied only if it is the next one; after a break the socket resumes behind the last sequence that was applied.

const MOST_CHOSEN = 20;
const ROWS_SHOWN = 60;
const $ = (id) => document.getElementById(id);
const view = { showtime: null, sequence: 0, title: "", start: "", rows: [], seats: new Map(), firstRow: 0 };
const chosen = new Set();
let bookings = load("bookings", []);
let socket = null;
let retry = 0;
let cursor = null;
let parts = null;

function load(name, otherwise) {
  try { return JSON.parse(localStorage.getItem("turnstile." + name)) ?? otherwise; } catch { return otherwise; }
}
function save(name, value) {
  try { localStorage.setItem("turnstile." + name, JSON.stringify(value)); } catch { /* private window: kept in memory only */ }
}
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
const clock = (time) => new Date(time).toLocaleString([], { dateStyle: "medium", timeStyle: "short" });
const name = (id) => { const seat = view.seats.get(id); return seat ? seat.row + seat.number : "?"; };

async function call(method, path, body, token) {
  const headers = {};
  if (body !== undefined) headers["Content-Type"] = "application/json";
  if (token) headers.Authorization = "Bearer " + token;
  if (method === "POST") headers["Idempotency-Key"] = '"' + randomKey() + '"';
  const request = { method, headers, body: body === undefined ? undefined : JSON.stringify(body) };
  for (let attempt = 1; ; attempt += 1) {
    let answer;
    try {
      answer = await fetch(path, request);
    } catch (lost) {
      // The key makes repeating safe: the same request takes effect once.
      if (attempt >= 3) throw new Error("The server cannot be reached.");
      await new Promise((go) => setTimeout(go, 500 * attempt));
      continue;
    }
    if (answer.status === 503 && attempt < 4) {
      const seconds = Number(answer.headers.get("Retry-After")) || 1;
      await new Promise((go) => setTimeout(go, seconds * 1000 * (0.75 + Math.random() / 2)));
      continue;
    }
    const data = await answer.json().catch(() => ({}));
    if (!answer.ok) throw Object.assign(new Error(data.detail || "The server answered " + answer.status), { problem: data });
    return data;
  }
}
function randomKey() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

async function listShowtimes() {
  try {
    const page = await call("GET", "/api/showtimes?limit=20" + (cursor ? "&cursor=" + encodeURIComponent(cursor) : ""));
    for (const item of page.items) {
      const button = element("button", { type: "button" }, item.movieTitle,
        element("small", { textContent: clock(item.startTime) + " · " + item.available + " of " + item.seats + " available" }));
      button.dataset.id = item.id;
      button.addEventListener("click", () => open(item.id));
      $("showtimes").append(element("li", {}, button));
    }
    cursor = page.nextCursor || null;
    $("more").hidden = !cursor;
    const wanted = decodeURIComponent(location.hash.slice(1));
    if (!view.showtime && (wanted || page.items.length)) open(wanted || page.items[0].id);
    if (!page.items.length && !$("showtimes").children.length) $("title").textContent = "There is no showtime yet";
  } catch (error) {
    say(error.message);
  }
}

function open(id) {
  if (view.showtime === id) return;
  Object.assign(view, { showtime: id, sequence: 0, rows: [], seats: new Map(), firstRow: 0 });
  chosen.clear();
  history.replaceState(null, "", "#" + encodeURIComponent(id));
  for (const button of $("showtimes").querySelectorAll("button")) {
    button.setAttribute("aria-current", String(button.dataset.id === id));
  }
  $("title").textContent = "Loading…";
  $("seats").replaceChildren();
  say("");
  retry = 0;
  connect();
  showChosen();
}

function connect() {
  if (socket) { socket.onclose = null; socket.onmessage = null; socket.close(); }
  parts = null;
  const id = view.showtime;
  const address = new URL("/ws/showtimes/" + encodeURIComponent(id), location.href);
  address.protocol = location.protocol === "https:" ? "wss:" : "ws:";
  if (view.sequence) address.searchParams.set("after", view.sequence);
  state("waiting", "connecting");
  const mine = socket = new WebSocket(address);
  mine.onopen = () => { retry = 0; state("live", "live"); };
  mine.onmessage = (event) => { if (mine === socket) receive(JSON.parse(event.data)); };
  mine.onclose = async () => {
    if (mine !== socket) return;
    state("waiting", "reconnecting");
    retry += 1;
    if (retry === 2 && !view.sequence) await explain(id);
    setTimeout(() => { if (mine === socket) connect(); }, Math.min(15000, 400 * 2 ** retry) * (0.75 + Math.random() / 2));
  };
}
// A refused socket tells a page nothing; the same showtime over HTTP does.
async function explain(id) {
  try { await call("GET", "/api/showtimes/" + encodeURIComponent(id)); } catch (error) {
    if (view.showtime === id) { $("title").textContent = "Not available"; say(error.message); }
  }
}
function state(name, text) {
  $("connection").dataset.state = name;
  $("connection").textContent = text;
}

function receive(message) {
  if (message.type === "snapshot") {
    if (message.part === 0) parts = [];
    if (!parts) return;
    parts.push(...message.seats);
    if (message.final) { adopt(message, parts); parts = null; }
  } else if (message.type === "seatsStatusChanged") {
    if (message.sequence <= view.sequence) return;
    if (message.sequence !== view.sequence + 1) { connect(); return; }
    view.sequence = message.sequence;
    for (const id of message.seatIds) change(id, message.status);
    const who = mine(message.seatIds[0]) ? " (you)" : "";
    note(message.seatIds.map(name).join(", ") + " → " + message.status.toLowerCase() + who);
    facts();
    showChosen();
  }
}

function adopt(head, seats) {
  Object.assign(view, { sequence: head.sequence, title: head.movieTitle, start: head.startTime, rows: [], seats: new Map() });
  for (const seat of seats) {
    const last = view.rows[view.rows.length - 1];
    if (last && last.label === seat.row) last.seats.push(seat); else view.rows.push({ label: seat.row, seats: [seat] });
    view.seats.set(seat.seatId, seat);
  }
  for (const id of [...chosen]) if (view.seats.get(id)?.status !== "Available") chosen.delete(id);
  $("title").textContent = view.title;
  draw();
  facts();
  showChosen();
  showBookings();
}

function facts() {
  const counts = { Available: 0, Reserved: 0, Sold: 0 };
  for (const seat of view.seats.values()) counts[seat.status] += 1;
  $("facts").textContent = clock(view.start) + " · " + counts.Available + " available, " + counts.Reserved +
    " reserved, " + counts.Sold + " sold · change " + view.sequence;
}

const mine = (id) => bookings.some((booking) => booking.showtimeId === view.showtime && booking.seatIds.includes(id) &&
  (booking.status === "Pending" || booking.status === "Confirmed"));

function draw() {
  const focused = document.activeElement?.dataset?.seat;
  const shown = view.rows.slice(view.firstRow, view.firstRow + ROWS_SHOWN);
  $("seats").replaceChildren(...shown.map((row) => element("div", { className: "row" },
    element("span", { textContent: row.label, title: row.label }), ...row.seats.map(button))));
  $("pager").hidden = view.rows.length <= ROWS_SHOWN;
  $("rows-shown").textContent = "rows " + (view.firstRow + 1) + " to " + (view.firstRow + shown.length) + " of " + view.rows.length;
  $("rows-before").disabled = view.firstRow === 0;
  $("rows-after").disabled = view.firstRow + ROWS_SHOWN >= view.rows.length;
  const first = (focused && find(focused)) || $("seats").querySelector("button");
  if (first) { first.tabIndex = 0; if (focused) first.focus(); }
}
function button(seat) {
  const made = element("button", { type: "button", className: "seat", textContent: seat.number, tabIndex: -1 });
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
  made.setAttribute("aria-label", "Row " + seat.row + ", seat " + seat.number + ", " + (ours && seat.status !== "Available" ? "yours" : seat.status.toLowerCase()));
}
const find = (id) => $("seats").querySelector('[data-seat="' + CSS.escape(id) + '"]');
function repaint(id, changed) {
  const made = find(id);
  const seat = view.seats.get(id);
  if (!made || !seat) return;
  paint(made, seat);
  if (changed) { made.classList.remove("changed"); void made.offsetWidth; made.classList.add("changed"); }
}
function change(id, status) {
  const seat = view.seats.get(id);
  if (!seat) return;
  const differs = seat.status !== status;
  seat.status = status;
  if (status !== "Available") chosen.delete(id);
  repaint(id, differs);
}

function choose(id) {
  const seat = view.seats.get(id);
  if (!seat || seat.status !== "Available") return;
  if (!chosen.delete(id)) {
    if (chosen.size >= MOST_CHOSEN) { say("At most " + MOST_CHOSEN + " seats can be booked at once."); return; }
    chosen.add(id);
  }
  say("");
  repaint(id);
  showChosen();
}
function showChosen() {
  $("chosen").textContent = chosen.size ? [...chosen].map(name).join(", ") : "None chosen.";
  $("reserve").disabled = $("clear").disabled = chosen.size === 0;
  $("reserve").textContent = chosen.size > 1 ? "Reserve " + chosen.size + " seats" : "Reserve";
}

async function reserve() {
  const user = $("user").value.trim();
  if (!user) { say("Say who you are first."); $("user").focus(); return; }
  save("user", user);
  const seatIds = [...chosen];
  $("reserve").disabled = true;
  try {
    const made = await call("POST", "/api/showtimes/" + view.showtime + "/bookings", { seatIds, userId: user });
    bookings.unshift({ ...made, movieTitle: view.title, names: seatIds.map(name).join(", ") });
    keepBookings();
    chosen.clear();
    say("Reserved until " + new Date(made.expiresAt).toLocaleTimeString() + ".", "good");
    seatIds.forEach((id) => repaint(id));
  } catch (error) {
    const taken = error.problem?.conflicts || [];
    say(taken.length ? "Not free any more: " + taken.map((seat) => name(seat.seatId) + " (" + seat.reason.toLowerCase() + ")").join(", ") : error.message);
    for (const seat of taken) { chosen.delete(seat.seatId); repaint(seat.seatId); }
  }
  showChosen();
}
async function act(booking, verb, body) {
  try {
    const answer = await call("POST", "/api/bookings/" + booking.bookingId + "/" + verb, body, booking.holdToken);
    Object.assign(booking, answer);
    say(answer.message, "good");
  } catch (error) {
    say(error.message);
    if (error.problem?.code === "hold-expired") booking.status = "Expired";
    if (error.problem?.bookingStatus) booking.status = error.problem.bookingStatus;
  }
  keepBookings();
  booking.seatIds.forEach((id) => repaint(id));
}

function keepBookings() {
  bookings = bookings.slice(0, 50);
  save("bookings", bookings);
  showBookings();
}
function showBookings() {
  $("no-bookings").hidden = bookings.length > 0;
  $("bookings").replaceChildren(...bookings.map((booking) => {
    const line = element("li", {}, element("strong", { textContent: booking.names }), " ",
      element("small", { textContent: booking.movieTitle }), element("br"));
    if (booking.status === "Pending") {
      const countdown = element("span", { className: "countdown" });
      countdown.dataset.until = booking.expiresAt;
      const act_on = (text, verb, body) => {
        const made = element("button", { type: "button", textContent: text });
        made.addEventListener("click", () => { made.disabled = true; act(booking, verb, body?.()); });
        return made;
      };
      line.append("held for ", countdown, element("br"),
        act_on("Pay and confirm", "confirm", () => ({ paymentReference: "demo-" + randomKey().slice(0, 12) })),
        act_on("Extend", "extend"), act_on("Cancel", "cancel"));
    } else {
      const forget = element("button", { type: "button", textContent: "Forget" });
      forget.addEventListener("click", () => { bookings = bookings.filter((other) => other !== booking); keepBookings(); });
      line.append(booking.status.toLowerCase(), element("br"), forget);
    }
    return line;
  }));
  tick();
}
function tick() {
  for (const countdown of document.querySelectorAll(".countdown")) {
    const seconds = Math.ceil((Date.parse(countdown.dataset.until) - Date.now()) / 1000);
    countdown.textContent = seconds > 0
      ? Math.floor(seconds / 60) + ":" + String(seconds % 60).padStart(2, "0") : "0:00";
  }
  let ended = false;
  for (const booking of bookings) {
    if (booking.status === "Pending" && Date.parse(booking.expiresAt) + 2000 < Date.now()) { booking.status = "Expired"; ended = true; }
  }
  if (ended) keepBookings();
}

function move(event) {
  const from = event.target.closest("[data-seat]");
  if (!from) return;
  const row = from.parentElement;
  const column = [...row.querySelectorAll("button")].indexOf(from);
  const inRow = (other, at) => { const all = other?.querySelectorAll("button"); return all && all[Math.min(at, all.length - 1)]; };
  const to = { ArrowLeft: () => from.previousElementSibling, ArrowRight: () => from.nextElementSibling,
    ArrowUp: () => inRow(row.previousElementSibling, column), ArrowDown: () => inRow(row.nextElementSibling, column),
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
$("clear").addEventListener("click", () => { const all = [...chosen]; chosen.clear(); all.forEach((id) => repaint(id)); showChosen(); });
$("more").addEventListener("click", listShowtimes);
$("rows-before").addEventListener("click", () => { view.firstRow = Math.max(0, view.firstRow - ROWS_SHOWN); draw(); });
$("rows-after").addEventListener("click", () => { view.firstRow += ROWS_SHOWN; draw(); });
$("user").value = load("user", "") || "guest-" + randomKey().slice(0, 6);
setInterval(tick, 1000);
showBookings();
listShowtimes();
