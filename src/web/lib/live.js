// The feed: what happens in a showtime, told over a WebSocket, or, where that is blocked, asked for every few seconds.

import { Order } from "./order.js";
import { call, Refusal } from "./server.js";

const OPEN_WITHIN = 5000;
// An answer to a ping that is later than this means that the connection is dead, though the browser does not know it yet.
const SILENCE = 45000;
const STATUSES = ["Available", "Reserved", "Sold"];

/** Of a seat that is not named: it is no longer there. */
const GONE = 2;

/** The code of a status, as in the packed live status. */
export const codeOf = (status) => STATUSES.indexOf(status);
export const statusOf = (code) => STATUSES[code];

/** The packed live status, two bits for each seat by its index, as one byte for each by its place. */
export function unpack(packed, order) {
  const codes = new Uint8Array(order.count);
  for (let place = 0; place < order.count; place += 1) {
    const index = order.index(place);
    codes[place] = packed[index >> 2] >> (2 * (index & 3)) & 3;
  }
  return codes;
}

/**
 * Follows one showtime from its layout on. `on` is told:
 * `layout(layout)`, once and when its terms changed unseen; `statuses(sequence, codes)`, all of them, one byte a seat;
 * `change(sequence, places, code, listing)`; `state(name, text)`, `live`, `waiting` or `off`; `failed(refusal)`.
 */
export class Feed {
  constructor(id, on, server = "") {
    Object.assign(this, { id, on, server, sequence: 0, order: null, ended: false, failures: 0, socket: null, polling: null, polls: 0,
      parts: null, timers: new Set(), retry: null, lower: 0 });
    this.path = "/api/showtimes/" + encodeURIComponent(id);
    this.online = () => { this.failures = 0; this.connect(); };
    addEventListener("online", this.online);
    this.offline = () => this.gone();
    addEventListener("offline", this.offline);
    this.begin();
  }

  end() {
    this.ended = true;
    removeEventListener("online", this.online);
    removeEventListener("offline", this.offline);
    for (const timer of this.timers) clearTimeout(timer);
    this.drop();
  }

  /** Nothing is heard of the server: it is away, or this device is. */
  gone() {
    this.on.state("off", navigator.onLine ? "not connected" : "offline: this device has no connection");
  }

  later(milliseconds, then) {
    const timer = setTimeout(() => { this.timers.delete(timer); if (!this.ended) then(); }, milliseconds);
    this.timers.add(timer);
    return timer;
  }

  /** Layout and status, side by side; then the changes since. */
  async begin() {
    this.on.state("waiting", "connecting");
    try {
      const status = this.askStatus();
      status.catch(() => {});
      const layout = await call("GET", this.path + "/layout", { server: this.server });
      if (this.ended) return;
      this.order = new Order(layout.rows);
      this.on.layout(layout);
      this.take(await status);
      this.connect();
    } catch (refusal) {
      if (this.ended) return;
      this.gone();
      this.on.failed(refusal);
      this.failures += 1;
      if (refusal.status !== 404) this.later(Math.min(30000, 1000 * 2 ** this.failures), () => this.begin());
    }
  }

  drop() {
    const socket = this.socket;
    this.socket = null;
    if (socket) { socket.onclose = socket.onmessage = socket.onopen = null; socket.close(); }
  }

  connect() {
    if (this.ended || !this.sequence) return;
    clearTimeout(this.retry);
    this.drop();
    this.parts = null;
    const address = new URL("/ws/showtimes/" + encodeURIComponent(this.id), this.server || location.href);
    address.protocol = address.protocol === "https:" ? "wss:" : "ws:";
    address.searchParams.set("after", this.sequence);
    if (!this.polling) this.on.state("waiting", this.failures ? "reconnecting" : "connecting");
    let socket;
    try { socket = new WebSocket(address); } catch { return this.lost(0); }
    this.socket = socket;
    const slow = this.later(OPEN_WITHIN, () => { if (socket === this.socket && socket.readyState === WebSocket.CONNECTING) this.lost(0); });
    socket.onopen = () => {
      clearTimeout(slow);
      // What was missed comes now, or a snapshot.
      this.polling = null;
      this.failures = 0;
      this.heard = performance.now();
      this.on.state("live", "live");
      this.listen(socket);
    };
    socket.onmessage = (event) => { this.heard = performance.now(); this.receive(JSON.parse(event.data)); };
    socket.onclose = (event) => this.lost(event.code);
  }

  /** A connection that has silently died is found by a ping without an answer. */
  listen(socket) {
    this.later(SILENCE / 3, () => {
      if (socket !== this.socket || socket.readyState !== WebSocket.OPEN) return;
      if (performance.now() - this.heard > SILENCE) { this.lost(0); return; }
      socket.send('{"type":"ping"}');
      this.listen(socket);
    });
  }

  /** The socket was refused, or broke. Behind some proxies it never opens: after the second time the status is asked for instead. */
  lost(code) {
    this.drop();
    this.failures += 1;
    // A node that restarts says so, and another takes over at once.
    const restarts = (code === 1001 || code === 1012) && this.failures === 1;
    if (this.failures >= 2) this.startPolling();
    else if (!this.polling && navigator.onLine) this.on.state("waiting", "reconnecting");
    const wait = restarts ? 500 * Math.random() : Math.min(30000, 500 * 2 ** this.failures) * (0.75 + Math.random() / 2);
    clearTimeout(this.retry);
    this.retry = this.later(wait, () => this.connect());
  }

  receive(message) {
    if (message.type === "snapshot") {
      if (message.part === 0) this.parts = new Uint8Array(this.order.count).fill(GONE);
      if (!this.parts) return;
      for (const seat of message.seats) this.parts[this.order.placeOf(seat.seatId)] = codeOf(seat.status);
      if (message.final) {
        const { type, part, final, seats, ...listing } = message;
        this.sequence = message.sequence;
        this.on.statuses(message.sequence, this.parts);
        if (listing.movieTitle) this.on.change(message.sequence, [], 0, listing);
        this.parts = null;
      }
    } else if (message.type === "seatsStatusChanged") {
      if (message.sequence <= this.sequence) return;
      if (message.sequence !== this.sequence + 1) { this.connect(); return; }
      this.sequence = message.sequence;
      const places = message.seatIds.map((id) => this.order.placeOf(id)).filter((place) => place < this.order.count);
      this.on.change(message.sequence, places, codeOf(message.status), message.showtime);
    }
  }

  startPolling() {
    if (this.polling) return;
    this.polling = {};
    this.polls = 0;
    this.poll(this.polling);
  }

  async poll(mine) {
    let wait = 2000;
    try {
      this.take(await this.askStatus(), mine);
      const isBack = this.polls > 0;
      this.polls = 0;
      // The server is there again: so may be the way for sockets.
      if (isBack && mine === this.polling && !this.ended) { this.failures = 1; this.connect(); }
      if (mine === this.polling && !this.ended) this.on.state("waiting", "asking every few seconds");
    } catch (refusal) {
      this.polls += 1;
      wait = Math.min(20000, 2000 * 2 ** this.polls);
      if (mine === this.polling && !this.ended) { this.gone(); this.on.failed(refusal); }
    }
    this.later(wait * (0.75 + Math.random() / 2), () => { if (mine === this.polling) this.poll(mine); });
  }

  async askStatus() {
    let answer;
    try {
      answer = await fetch(this.server + this.path + "/status", { cache: "no-cache" });
    } catch {
      throw new Refusal(0, {}, 0, false);
    }
    const sequence = Number(answer.headers.get("Turnstile-Sequence"));
    if (!answer.ok || !sequence) {
      throw new Refusal(answer.status, await answer.json().catch(() => ({})), Number(answer.headers.get("Retry-After")) || 1, false);
    }
    return { sequence, packed: new Uint8Array(await answer.arrayBuffer()) };
  }

  take({ sequence, packed }, mine = this.polling) {
    if (this.ended || mine !== this.polling) return;
    // Once, the answer of a node that is behind; again, the server was restored to an earlier moment.
    this.lower = sequence < this.sequence ? this.lower + 1 : 0;
    if (sequence === this.sequence || this.lower === 1) return;
    const again = this.sequence > 0;
    this.sequence = sequence;
    this.on.statuses(sequence, unpack(packed, this.order));
    // The status says nothing of new terms, or of a cancellation.
    if (again) call("GET", this.path + "/layout", { server: this.server }).then((layout) => { if (!this.ended && this.sequence === sequence) this.on.layout(layout); }, () => {});
  }
}
