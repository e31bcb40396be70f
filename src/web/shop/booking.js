// A booking of this browser as people see it: its seats, how long they are held, and what can be done with it.

import { button, element, say } from "../lib/dom.js";
import { minutes, moment, money } from "../lib/format.js";
import { serverNow } from "../lib/server.js";
import { statusOf, underWay } from "./commands.js";

const SOON_SECONDS = 60;

/** `does` has what its buttons do: `confirm`, `extend`, `cancel`, `edit`, `again`, `forget`, `rechoose`, each with the booking. */
export function bookingLine(booking, does, isHere) {
  const now = statusOf(booking);
  const busy = underWay.has(booking.bookingId);
  const does_ = (text, verb, className = "") => button(text, () => does[verb](booking), { disabled: busy, className });
  const state = element("span", { className: "state" });
  const line = element("li", { data: { booking: booking.bookingId, status: now } },
    element("div", { className: "head" }, element("strong", {}, booking.names), state), element("p", {}, element("small", {}, about(booking, isHere))));
  const buttons = element("div", { className: "buttons" });
  const price = booking.price ? money(booking.price.total, booking.price.currency) : "";
  if (now === "Pending") {
    state.className = "";
    state.append(element("span", { className: "state" }, "held for "), element("span", { className: "countdown", data: { until: Date.parse(booking.expiresAt) } }));
    buttons.append(does_(price ? "Pay " + price + " and confirm" : "Confirm", "confirm", "main"));
    if (isHere) buttons.append(does_("Change seats", "edit"));
    buttons.append(does_("More time", "extend"), does_("Cancel", "cancel"));
    if (price) line.append(element("p", {}, element("small", {}, "A test payment: no money moves.")));
  } else if (now === "Unknown") {
    say(state, busy ? "being reserved" : "whether these were reserved is not known");
    buttons.append(does_("Ask again", "again", "main"), does_("Forget", "forget", "quiet"));
  } else {
    say(state, now.toLowerCase() + (now === "Confirmed" && price ? ", " + price + " paid" : ""));
    if (booking.cancelReason) line.append(element("p", {}, booking.cancelReason));
    // It may be paid for: only the server's answer to the confirmation says.
    if (now === "Expired" && booking.asked?.confirm) buttons.append(does_("Ask whether it was confirmed", "again", "main"));
    if (isHere && ["Expired", "Cancelled"].includes(now)) buttons.append(does_("Choose these again", "rechoose"));
    if (!booking.asked?.confirm) buttons.append(does_("Forget", "forget", "quiet"));
  }
  line.append(buttons);
  return line;
}
function about(booking, isHere) {
  if (isHere) return "";
  return [booking.movieTitle, booking.startTime ? moment(booking.startTime, booking.timeZone) : ""].filter(Boolean).join(" · ");
}

/** Shows what is left of each hold, by the server's clock. */
export function countDown(home) {
  const now = serverNow();
  for (const countdown of home.querySelectorAll(".countdown")) {
    const seconds = (Number(countdown.dataset.until) - now) / 1000;
    countdown.dataset.soon = String(now !== null && seconds < SOON_SECONDS);
    say(countdown, now === null ? "…" : minutes(seconds));
  }
}
