// The dead letters: messages that the projector could not use. They are listed, and published again when the operator says so.

import { element, fill, say as tell } from "../lib/dom.js";
import { count, moment } from "../lib/format.js";
import { say, sure } from "./board.js";
import { ask, operator } from "./key.js";

const at = (id) => document.getElementById(id);
/** The server publishes as many with one request. */
const MOST_REPLAYED = 1000;

/** Looks when the panel is opened: a look takes all dead letters out of their queue for a moment. */
export function deadLetters() {
  let total = 0;
  const look = async () => {
    try {
      const { data } = await operator(() => ask("GET", "/api/dead-letters"));
      total = data.total;
      show(data);
    } catch (refusal) {
      tell(at("dead-letters-count"), words(refusal));
    }
  };
  const replay = async () => {
    if (!(await sure(`Publish ${count(Math.min(total, MOST_REPLAYED), "dead letter")} again?`, "Replay"))) return;
    const button = at("dead-letters-replay");
    button.disabled = true;
    try {
      const { data } = await operator(() => ask("POST", "/api/dead-letters/replay"));
      say(`${count(data.replayed, "message")} published again, ${data.left.toLocaleString()} left. What still cannot be used comes back.`, "good");
    } catch (refusal) {
      say(words(refusal));
    }
    button.disabled = false;
    await look();
  };
  at("tab-system").addEventListener("click", look);
  at("dead-letters-look").addEventListener("click", look);
  at("dead-letters-replay").addEventListener("click", replay);
}

/** What the server says itself: in general words it would seem that nothing was published. */
const words = (refusal) => refusal.problem?.detail ?? refusal.message;

function show({ total, items }) {
  const some = items.length < total ? `, the oldest ${items.length} of them here` : "";
  tell(at("dead-letters-count"), total ? `${count(total, "message")} that could not be used${some}:` : "There are none.");
  fill(at("dead-letters"), ...items.map(({ messageId, buriedAt, reason, events }) => {
    const ranges = events.map(({ showtimeId, firstSequence: first, lastSequence: last }) => `showtime ${showtimeId}, ${first === last ? "event " + first : `events ${first} to ${last}`}`);
    return element("li", {}, element("span", { textContent: reason }),
      element("small", { textContent: [buriedAt && moment(buriedAt), ...(ranges.length ? ranges : [messageId])].filter(Boolean).join(" · ") }));
  }));
  at("dead-letters-replay").hidden = total === 0;
}
