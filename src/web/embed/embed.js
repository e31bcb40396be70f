// The page about embedding: shows the lines to copy, and the element at work.

import { byId, element, fill, say } from "../lib/dom.js";
import { moment } from "../lib/format.js";
import { call } from "../lib/server.js";

const map = byId("map");

function show(id) {
  map.setAttribute("showtime", id);
  say(byId("example"), '<script type="module" src="' + location.origin + '/embed/seat-map.js"></script>\n<seat-map showtime="' + id + '" max="6"></seat-map>');
}
byId("showtime").addEventListener("change", () => show(byId("showtime").value));
map.addEventListener("seats-chosen", ({ detail }) => {
  const areas = detail.areas.map(({ areaId, quantity }) => quantity + " × " + areaId);
  say(byId("told"), [...detail.seatIds.map((id) => map.name(id)), ...areas].join(", ") || "Nothing chosen.");
});
call("GET", "/api/showtimes?limit=50").then(({ items }) => {
  fill(byId("showtime"), ...items.map((item) => element("option", { value: item.id }, item.movieTitle + ", " + moment(item.startTime, item.timeZone))));
  if (items.length) show(items[0].id);
}).catch((error) => say(byId("told"), error.message));
