// What happens in a showtime: told over a WebSocket, or, where that is blocked, asked for every few seconds.

import { call } from "./server.js";

const OPEN_WITHIN = 5000;
const STATUSES = ["Available", "Reserved", "Sold"];

/**
 * Follows one showtime. `view` has its `sequence`, 0 while nothing is known, and the ids of its `seats` in order; `on` is told:
 * `whole(head, seats)`, `change(sequence, seatIds, status, showtime)`, `state(name, text)` and `failed(refusal)`.
 */
export class Feed {
  constructor(id, view, on) {
    Object.assign(this, { id, view, on, ended: false, failures: 0, socket: null, polling: null, polls: 0, parts: null, timers: new Set() });
    this.connect();
  }

  end() {
    this.ended = true;
    for (const timer of this.timers) clearTimeout(timer);
    this.drop();
  }

  later(milliseconds, then) {
    const timer = setTimeout(() => { this.timers.delete(timer); if (!this.ended) then(); }, milliseconds);
    this.timers.add(timer);
    return timer;
  }

  drop() {
    const socket = this.socket;
    this.socket = null;
    if (socket) { socket.onclose = socket.onmessage = socket.onopen = null; socket.close(); }
  }

  connect() {
    this.drop();
    this.parts = null;
    const address = new URL("/ws/showtimes/" + encodeURIComponent(this.id), location.href);
    address.protocol = location.protocol === "https:" ? "wss:" : "ws:";
    if (this.view.sequence) address.searchParams.set("after", this.view.sequence);
    if (!this.polling) this.on.state("waiting", this.failures ? "reconnecting" : "connecting");
    let socket;
    try { socket = new WebSocket(address); } catch { return this.lost(0); }
    this.socket = socket;
    const slow = this.later(OPEN_WITHIN, () => { if (socket === this.socket && socket.readyState === WebSocket.CONNECTING) this.lost(0); });
    socket.onopen = () => {
      clearTimeout(slow);
      // What was missed comes now, or a snapshot.
      this.stopPolling();
      this.failures = 0;
      this.on.state("live", "live");
    };
    socket.onmessage = (event) => this.receive(JSON.parse(event.data));
    socket.onclose = (event) => this.lost(event.code);
  }

  /** The socket was refused, or broke. Behind some proxies it never opens: after the second time the page asks instead. */
  lost(code) {
    this.drop();
    this.failures += 1;
    // A node that restarts says so, and another takes over at once.
    const restarts = (code === 1001 || code === 1012) && this.failures === 1;
    if (this.failures >= 2 || (this.failures === 1 && !this.view.sequence)) this.startPolling();
    const wait = restarts ? 500 * Math.random() : Math.min(30000, 500 * 2 ** this.failures) * (0.75 + Math.random() / 2);
    this.later(wait, () => this.connect());
  }

  receive(message) {
    if (message.type === "snapshot") {
      if (message.part === 0) this.parts = [];
      if (!this.parts) return;
      this.parts.push(...message.seats);
      if (message.final) { this.on.whole(message, this.parts); this.parts = null; }
    } else if (message.type === "seatsStatusChanged") {
      if (message.sequence <= this.view.sequence) return;
      if (message.sequence !== this.view.sequence + 1) { this.connect(); return; }
      this.on.change(message.sequence, message.seatIds, message.status, message.showtime);
    }
  }

  startPolling() {
    if (this.polling) return;
    this.polling = {};
    this.polls = 0;
    this.poll(this.polling);
  }
  stopPolling() {
    this.polling = null;
  }
  async poll(mine) {
    let wait = 2000;
    try {
      if (this.view.sequence) await this.askStatus(mine);
      else await this.askWhole(mine);
      this.polls = 0;
      if (mine === this.polling && !this.ended) this.on.state("waiting", "asking every few seconds");
    } catch (refusal) {
      this.polls += 1;
      wait = Math.min(60000, 2000 * 2 ** this.polls);
      if (mine === this.polling && !this.ended) this.on.failed(refusal);
    }
    this.later(wait * (0.75 + Math.random() / 2), () => { if (mine === this.polling) this.poll(mine); });
  }
  async askWhole(mine) {
    const whole = await call("GET", "/api/showtimes/" + encodeURIComponent(this.id));
    if (mine === this.polling && !this.ended && whole.sequence > this.view.sequence) this.on.whole(whole, whole.seats);
  }
  /** The live status has two bits for each seat, in the order of the seats. */
  async askStatus(mine) {
    const answer = await fetch("/api/showtimes/" + encodeURIComponent(this.id) + "/status", { cache: "no-cache" });
    const sequence = Number(answer.headers.get("Turnstile-Sequence"));
    if (!answer.ok || !sequence) throw new Error("The server answered " + answer.status + ".");
    const packed = new Uint8Array(await answer.arrayBuffer());
    if (mine !== this.polling || this.ended || sequence <= this.view.sequence) return;
    const changes = new Map(STATUSES.map((status) => [status, []]));
    let index = 0;
    for (const [id, seat] of this.view.seats) {
      const status = STATUSES[packed[index >> 2] >> (2 * (index & 3)) & 3];
      if (status !== seat.status) changes.get(status)?.push(id);
      index += 1;
    }
    for (const [status, ids] of changes) if (ids.length) this.on.change(sequence, ids, status);
    this.view.sequence = sequence;
  }
}
