// The operator's board: puts the parts of the page together.

import { element, fill, say as tell } from "../lib/dom.js";
import { count } from "../lib/format.js";
import { Board, say } from "./board.js";
import { bookingsPanel } from "./bookings_panel.js";
import { deadLetters } from "./dead_letters.js";
import { House } from "./house.js";
import { forget, keyReady } from "./key.js";
import { BoardMap } from "./map.js";
import { past } from "./past.js";
import { refusedForm } from "./refused.js";
import { reportPanel } from "./report_panel.js";
import { seatsPanel } from "./seats_panel.js";
import { chooseShowtime } from "./showtimes.js";
import { Story } from "./story.js";
import { systemPanel } from "./system_panel.js";
import { termsPanel } from "./terms_panel.js";

const at = (id) => document.getElementById(id);
const board = new Board();

board.map = new BoardMap(at("map"), board, {
  layout: (layout) => opened(layout),
  sequence: (sequence, terms) => { if (terms) changed(terms); follow(sequence); },
  state: (name, text) => { at("connection").dataset.state = name; tell(at("connection"), text); },
  failed: (refusal) => say(refusal.message),
});

/** Opens a showtime. */
async function open(id) {
  board.story?.end();
  Object.assign(board, { id, head: null, house: null, story: null, chosen: [], areas: [], viewing: "now" });
  if (location.hash.slice(1) !== id) history.pushState(null, "", "#" + id);
  say("");
  board.map.open(id);
}
/** The layout is there: the first time, or again since its terms, or the house itself, are others. */
function opened(layout) {
  const house = new House(layout);
  // In a house that was rebuilt, places have other numbers.
  const isFirst = !board.story || board.house.version !== house.version;
  board.house = house;
  board.head = layout;
  if (isFirst) {
    board.story?.end();
    board.story = new Story(board.id, house.order, (news) => { board.map.colour(news.places); showFigures(); board.tell("story", news); });
  }
  showHead();
  showLegend();
  board.tell(isFirst ? "open" : "head");
  follow();
}
/** Other terms: they replace all that were there, since a term that is not set is absent. Of a cancellation only the reason is told. */
function changed(terms) {
  if (!board.house) return;
  const { rows, areas, categories, seatIdPrefix, focalPoint } = board.head;
  board.head = terms.movieTitle ? { id: board.id, rows, areas, categories, seatIdPrefix, focalPoint, ...terms } : { ...board.head, ...terms };
  board.house.terms(board.head);
  showHead();
  board.tell("head");
}
/** The feed is at this sequence: whose seats they are by now is in the journal. */
function follow(sequence = Infinity) {
  const { story } = board;
  if (story && sequence > story.sequence) story.follow().catch((refusal) => say(refusal.message));
}

function showHead() {
  const { head, house } = board;
  tell(at("title"), head.movieTitle);
  document.title = head.movieTitle + " · Operator · Turnstile";
  at("choose-showtime").textContent = head.movieTitle;
  const facts = [house.time(head.startTime), head.onSaleFrom && "on sale from " + house.time(head.onSaleFrom), head.cancelled && "cancelled: " + head.cancelled];
  tell(at("facts"), facts.filter(Boolean).join(" · "));
}
/** The colours of what is free: of each category that some place has. */
function showLegend() {
  const lines = board.map.legend().map(({ name, colour }) => element("li", {}, element("span", { className: "swatch", style: "background: " + colour }), name));
  for (const line of [...at("legend").querySelectorAll("[data-category]")]) line.remove();
  for (const line of lines) line.dataset.category = "";
  at("legend").prepend(...lines);
  at("legend-free").hidden = lines.length > 0;
}
function showFigures() {
  const { house, story: { figures } } = board;
  const free = house.count - figures.sold - figures.held - figures.blocked;
  const counts = Object.entries({ free, held: figures.held, blocked: figures.blocked, sold: figures.sold }).map(([name, places]) => [name, places.toLocaleString()]);
  const lines = house.currency ? [...counts, ["earned", house.money(figures.earned)]] : counts;
  fill(at("figures"), ...lines.map(([name, value]) => element("li", { data: { figure: name } }, element("strong", { textContent: value }), element("span", { textContent: name }))));
  at("figures").title = count(house.count, "place");
}

// Tabs: arrows move between them, and the panel of the chosen one is shown.
const tabs = [...at("tabs").children];
function turnTo(tab) {
  for (const each of tabs) {
    const isIt = each === tab;
    each.setAttribute("aria-selected", isIt);
    each.tabIndex = isIt ? 0 : -1;
    at(each.getAttribute("aria-controls")).hidden = !isIt;
  }
}
for (const tab of tabs) tab.addEventListener("click", () => turnTo(tab));
at("tabs").addEventListener("keydown", (event) => {
  const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
  if (!step) return;
  const next = tabs[(tabs.indexOf(document.activeElement) + step + tabs.length) % tabs.length];
  next.focus();
  next.click();
  event.preventDefault();
});

seatsPanel(board);
bookingsPanel(board);
refusedForm();
reportPanel(board);
termsPanel(board, open);
systemPanel();
deadLetters();
past(board);
const chooser = chooseShowtime(open);

at("forget").addEventListener("click", () => { forget(); location.reload(); });
for (const button of document.querySelectorAll("dialog .close")) button.addEventListener("click", () => button.closest("dialog").close());
addEventListener("popstate", () => begin());

/** The showtime in the address, or a choice. */
function begin() {
  const wanted = location.hash.slice(1);
  if (/^[0-9a-f-]{36}$/i.test(wanted)) open(wanted); else chooser.show();
}
keyReady().then(begin);
