// The past: a slider through the journal shows how the house stood after each event.

import { carryOut } from "./board.js";
import { ask, operator } from "./key.js";

const at = (id) => document.getElementById(id);
/** The server folds the journal for each look: one look at a time, and only where the slider rests. */
const REST_MILLISECONDS = 150;
const WORDS = {
  ShowtimeScheduled: "the showtime was made", ShowtimeChanged: "its terms were changed", ShowtimeCancelled: "it was cancelled",
  SeatsReserved: "seats were held", SeatsBlocked: "seats were blocked", HoldExtended: "a hold was extended", BookingConfirmed: "seats were sold",
  PaymentRefused: "a payment came too late", BookingCancelled: "a booking was cancelled", SeatsReleased: "seats were given back",
  BookingChanged: "seats were exchanged", HoldExpired: "a hold ran out",
};

export function past(board) {
  const [slider, said, now] = [at("past-at"), at("past-said"), at("past-now")];
  let [timer, looking, wanted] = [0, false, null];
  board.on("open", () => { at("past").hidden = true; back(); });
  board.on("story", () => {
    const { times } = board.story;
    const follows = board.viewing === "now";
    at("past").hidden = times.length < 2;
    slider.max = times.length - 1;
    if (follows) { slider.value = slider.max; tell(times.at(-1), true); }
  });
  slider.addEventListener("input", () => {
    const place = Number(slider.value);
    const event = board.story.times[place];
    if (place === board.story.times.length - 1) { back(); return; }
    now.disabled = false;
    tell(event, false);
    if (board.viewing === "now") { board.viewing = event.sequence; board.tell("choice"); }
    wanted = event.sequence;
    clearTimeout(timer);
    timer = setTimeout(look, REST_MILLISECONDS);
  });
  now.addEventListener("click", () => { back(); slider.focus(); });

  function tell(event, isNow) {
    if (!event || !board.house) return;
    const time = board.house.time(event.at, { dateStyle: "medium", timeStyle: "medium" });
    said.textContent = isNow ? "now" : `${time}: ${WORDS[event.type] ?? event.type}`;
    slider.setAttribute("aria-valuetext", said.textContent);
  }
  function back() {
    clearTimeout(timer);
    wanted = null;
    now.disabled = true;
    if (board.viewing === "now") return;
    board.viewing = "now";
    slider.value = slider.max;
    tell(board.story?.times.at(-1), true);
    board.map.showNow();
    board.tell("choice");
  }
  async function look() {
    if (looking || wanted === null) return;
    looking = true;
    const [sequence, id] = [wanted, board.id];
    await carryOut(async () => {
      const { data } = await operator(() => ask("GET", board.path("/past?sequence=" + sequence)));
      if (id === board.id && wanted !== null) {
        board.viewing = sequence;
        board.map.showPast(data.seats);
        said.dataset.sequence = sequence;
      }
    });
    looking = false;
    if (wanted !== null && wanted !== sequence) look();
  }
}
