// The report: how full the showtime is and what it has earned, and the sales over time.

import { element, fill } from "../lib/dom.js";
import { carryOut } from "./board.js";
import { curve } from "./curve.js";
import { money } from "../lib/format.js";
import { ask, download, operator } from "./key.js";

const at = (id) => document.getElementById(id);
/** The report is made from all of the journal: it is read again when nothing has changed for this long. */
const REST_MILLISECONDS = 1500;

export function reportPanel(board) {
  let [timer, read] = [0, -1];
  const isOpen = () => !at("panel-report").hidden;
  const again = () => carryOut(async () => {
    if (!board.id) return;
    const id = board.id;
    const { data } = await operator(() => ask("GET", board.path("/report")));
    if (id !== board.id) return;
    read = data.sequence;
    show(board, data);
  });
  const soon = () => {
    if (!isOpen() || board.story?.sequence === read) return;
    clearTimeout(timer);
    timer = setTimeout(again, REST_MILLISECONDS);
  };
  at("report-again").addEventListener("click", again);
  at("report-csv").addEventListener("click", () => board.id && carryOut(() => download(board.path("/report?format=csv"), `report ${board.head.movieTitle}.csv`)));
  at("tab-report").addEventListener("click", () => { showCurve(board); if (board.story?.sequence !== read) again(); });
  board.on("open", () => { read = -1; fill(at("report")); if (isOpen()) again(); });
  board.on("story", () => { if (isOpen()) showCurve(board); soon(); });
}

function showCurve({ story, house }) {
  if (!story || !house) return;
  const time = (moment) => house.time(moment, { dateStyle: "short", timeStyle: "short" });
  curve(at("curve"), story.sales, { time, money: (amount) => house.money(amount), size: house.count });
  at("curve-title").textContent = house.currency ? `Sold over time: ${house.money(story.figures.earned)}` : "Sold over time";
}

function show(board, report) {
  const names = { sections: "Section", areas: "Area", categories: "Category", tariffs: "Tariff", channels: "Channel" };
  const tables = [table("All", [{ ...report.total, key: board.head.movieTitle }])];
  for (const [member, name] of Object.entries(names)) {
    if (report[member].length) tables.push(table(name, report[member].map((line) => ({ ...line, key: nameOf(board.house, member, line.key) }))));
  }
  fill(at("report"), ...tables);
}
/** What people call a category or a tariff. */
function nameOf({ categories, zones }, member, key) {
  if (member === "categories") return categories.find((category) => category.key === key)?.name ?? key;
  if (member === "tariffs") return zones.flatMap(({ tariffs }) => tariffs).find((tariff) => tariff.key === key)?.name ?? key;
  return key;
}
function table(name, lines) {
  const head = element("thead", {}, element("tr", {}, ...[name, "Free", "Held", "Blocked", "Sold", "Earned"].map((textContent, place) => element("th", { scope: "col", textContent, className: place ? "number" : "" }))));
  const body = element("tbody", {}, ...lines.map((line) => {
    const earned = Object.entries(line.revenue ?? {}).map(([currency, amount]) => money(amount, currency)).join(", ");
    const cells = [line.available, line.reserved, line.blocked, line.sold].map((count) => element("td", { className: "number", textContent: count === undefined ? "–" : count.toLocaleString() }));
    return element("tr", {}, element("th", { scope: "row", textContent: line.key ?? "none" }), ...cells, element("td", { className: "number", textContent: earned || "–" }));
  }));
  return element("div", { className: "table", tabIndex: 0, role: "region", ariaLabel: "By " + name.toLowerCase() }, element("table", {}, head, body));
}
