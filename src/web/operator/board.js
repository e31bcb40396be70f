// The board: which showtime is open, what is chosen on its map, and what the panels are told when either changes.

/** Panels listen to `open` (another showtime), `story` (places changed hands), `choice` (other places are chosen) and `head` (other terms). */
export class Board extends EventTarget {
  constructor() {
    super();
    Object.assign(this, { id: null, head: null, house: null, story: null, map: null, chosen: [], areas: [], viewing: "now" });
  }
  tell(what, detail) {
    this.dispatchEvent(new CustomEvent(what, { detail }));
  }
  on(what, then) {
    this.addEventListener(what, (event) => then(event.detail));
  }
  path(rest = "") {
    return "/api/showtimes/" + encodeURIComponent(this.id) + rest;
  }

  /** The chosen seats that nobody has. */
  get free() {
    return this.chosen.filter((seat) => !this.story?.holder(seat));
  }
  /** The chosen seats that a block has, by the block. */
  get blocked() {
    const blocks = new Map();
    for (const seat of this.chosen) {
      const holder = this.story?.holder(seat);
      if (!holder?.isBlock) continue;
      if (!blocks.has(holder)) blocks.set(holder, []);
      blocks.get(holder).push(seat);
    }
    return blocks;
  }
  /** The block that has all of the chosen seats, or null: the door sells them out of it. */
  get sourceBlock() {
    const [[one, seats] = []] = this.blocked;
    return seats?.length === this.chosen.length ? one : null;
  }
  /** The bookings that have chosen seats. */
  get holders() {
    const bookings = new Set();
    for (const seat of this.chosen) {
      const holder = this.story?.holder(seat);
      if (holder && !holder.isBlock) bookings.add(holder);
    }
    return [...bookings];
  }
}

const message = document.getElementById("message");
/** Says how a command went. */
export function say(words, kind = "bad") {
  message.textContent = words;
  message.dataset.kind = kind;
}
/** Carries a command out, and says why it was refused; true if it was not. */
export async function carryOut(command, done) {
  say("");
  try {
    const answer = await command();
    if (done) say(typeof done === "function" ? done(answer) : done, "good");
    return true;
  } catch (refusal) {
    const errors = refusal.problem?.errors ?? [];
    const named = errors.map((error) => [(error.pointer ?? "").slice(1) || error.parameter, error.detail].filter(Boolean).join(" "));
    say(errors.length && refusal.status === 400 ? named.join("; ") : refusal.message);
    return false;
  }
}

/** Asks whether something is really to be done, and for the reason; null if it is not. */
export function sure(title, yes, { wantsReason = false, asksReason = false } = {}) {
  const [dialog, form, reason] = ["sure-dialog", "sure-form", "sure-reason"].map((id) => document.getElementById(id));
  document.getElementById("sure-title").textContent = title;
  document.getElementById("sure-yes").textContent = yes;
  reason.value = "";
  reason.required = wantsReason;
  reason.hidden = document.getElementById("sure-label").hidden = !wantsReason && !asksReason;
  dialog.returnValue = "no";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes" ? { reason: reason.value.trim() } : null), { once: true });
    form.onsubmit = null;
  });
}
