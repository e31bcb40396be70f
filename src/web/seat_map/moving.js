// Moving: a showtime was moved to another version of its auditorium, and is drawn anew when that can be read.

import { call } from "../lib/server.js";

const [FIRST_WAIT, LONGEST_WAIT] = [400, 30000];

/** What is drawn stays until the new layout can be read: it is asked for later each time, and not by all pages at once. */
export async function reopenLater(map) {
  if (map.reopening) return;
  map.reopening = true;
  const { feed } = map;
  for (let wait = FIRST_WAIT; feed === map.feed; wait = Math.min(LONGEST_WAIT, 2 * wait)) {
    await new Promise((done) => setTimeout(done, wait * (0.5 + Math.random())));
    const layout = await call("GET", feed.path + "/layout", { server: map.server }).catch(() => ({}));
    if (feed === map.feed && map.isMoved(layout)) map.reopen();
  }
  map.reopening = false;
}
