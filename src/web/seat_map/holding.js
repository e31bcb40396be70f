// Holding: reserves what is chosen on a map. Its own change of the seats is no loss of them.

import { call, uuid } from "../lib/server.js";

export async function hold(map, { userId, key = uuid(), tariffs, body = {}, alternatives = 0 } = {}) {
  // A body that says what is wanted stands for itself.
  const { chosen, areas } = body.seatIds || body.areas || body.bestAvailable ? { chosen: body.seatIds ?? [], areas: [] } : map;
  const [seatIds, states, channelKey] = [chosen, map.states, map.getAttribute("channel-key")];
  const asked = { userId, ...(seatIds.length && { seatIds }), ...(areas.length && { areas }), ...(tariffs && { tariffs }), ...(channelKey && { channelKey }), ...body };
  const seats = seatIds.map((id) => map.model.find(id));
  seats.forEach((seat) => map.choosing.underWay.add(seat));
  try {
    const answer = await call("POST", "/api/showtimes/" + map.getAttribute("showtime") + "/bookings" + (alternatives ? "?alternatives=" + alternatives : ""),
      { body: asked, key, server: map.server });
    // Another showtime may be drawn by now; the answer's hold token must not be lost.
    if (states === map.states) {
      states.own([...states.mine, ...answer.seatIds.map((id) => map.model.find(id))]);
      map.clear();
    }
    map.tell("seats-held", answer);
    return answer;
  } catch (refusal) {
    if (states === map.states) {
      const gone = (refusal.problem?.conflicts ?? []).map(({ seatId }) => map.model.find(seatId));
      map.choosing.lose(gone.filter((seat) => states.chosen.has(seat)));
    }
    throw refusal;
  } finally {
    seats.forEach((seat) => map.choosing.underWay.delete(seat));
  }
}
