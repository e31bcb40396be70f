// Best available: the server looks for seats, and the map shows them as chosen.

import { byId, element, fill, say } from "../lib/dom.js";
import { call } from "../lib/server.js";

/** Offers only what the house has. */
export function prepare(map) {
  const { model, listing } = map;
  byId("best-card").hidden = !model.seats || Boolean(listing.cancelled);
  byId("quantity").max = map.max;
  const keys = new Set();
  for (let seat = 0; seat < model.seats; seat += 1) keys.add(model.category[seat]);
  const categories = model.categories.filter((_, place) => keys.has(place));
  byId("category-field").hidden = categories.length < 2;
  const before = byId("category").value;
  fill(byId("category"), element("option", { value: "" }, "any"), ...categories.map(({ key, name }) => element("option", { value: key, selected: key === before }, name)));
  byId("accessible-field").hidden = !model.kind.includes(1);
}

/** What is asked for. */
export function wish() {
  const [quantity, accessible] = [Number(byId("quantity").value), byId("accessible-field").hidden ? 0 : Number(byId("accessible").value)];
  const category = byId("category").value;
  return { quantity, ...(accessible && { accessible }), ...(category && { category }) };
}
/** Chooses the best seats that are free now. They are not held yet. */
export async function find(map, showtime, user, say_) {
  byId("find").disabled = true;
  say(byId("best-told"), "");
  try {
    const channelKey = map.getAttribute("channel-key");
    const found = await call("POST", "/api/showtimes/" + showtime + "/bookings?preview=true",
      { body: { bestAvailable: wish(), userId: user || "guest", ...(channelKey && { channelKey }) } });
    map.clear();
    map.choose(found.seatIds);
    map.show(found.seatIds);
    say(byId("best-told"), found.choice ?? "");
    say_("");
  } catch (refusal) {
    say_(refusal.message);
  }
  byId("find").disabled = false;
}
