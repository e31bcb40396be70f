// Chooses a showtime: the list of those to come, or of all, by title.

import { element, fill } from "../lib/dom.js";
import { moment } from "../lib/format.js";
import { call } from "../lib/server.js";

const at = (id) => document.getElementById(id);
const REST_MILLISECONDS = 250;

/** The dialog; `open` is called with the id of the one that is chosen. */
export function chooseShowtime(open) {
  const [dialog, form, list] = [at("showtimes-dialog"), at("showtimes-form"), at("showtimes")];
  let [cursor, asked, timer] = [null, 0, 0];
  const read = async (more) => {
    asked += 1;
    const mine = asked;
    const wanted = new URLSearchParams({ limit: "30" });
    if (form.elements.title.value.trim()) wanted.set("title", form.elements.title.value.trim());
    if (more && cursor) wanted.set("cursor", cursor);
    else if (form.elements.past.checked) wanted.set("past", "true");
    try {
      const page = await call("GET", "/api/showtimes?" + wanted);
      if (mine !== asked) return;
      cursor = page.nextCursor ?? null;
      if (more) list.append(...page.items.map(line)); else fill(list, ...page.items.map(line));
      if (!list.children.length) list.append(element("li", { className: "hint", textContent: "No showtime is like that." }));
    } catch (refusal) {
      fill(list, element("li", { className: "hint", textContent: refusal.message }));
    }
    at("more-showtimes").hidden = !cursor;
  };
  at("choose-showtime").addEventListener("click", () => { dialog.showModal(); read(false); });
  at("more-showtimes").addEventListener("click", () => read(true));
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(() => read(false), REST_MILLISECONDS); });
  list.addEventListener("click", (event) => {
    const id = event.target.closest("button")?.dataset.showtime;
    if (!id) return;
    dialog.close();
    open(id);
  });
  return { show: () => at("choose-showtime").click() };
}

function line({ id, movieTitle, startTime, timeZone, seats, available, cancelled }) {
  const when = moment(startTime, timeZone);
  const words = cancelled ? "cancelled" : `${available.toLocaleString()} of ${seats.toLocaleString()} free`;
  const button = element("button", { type: "button" }, element("strong", { textContent: movieTitle }), element("small", { textContent: `${when} · ${words}` }));
  button.dataset.showtime = id;
  return element("li", {}, button);
}
