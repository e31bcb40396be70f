// Marking: an operator's overlay on a map.

/** Most changes that are painted one by one. */
const MOST = 2000;

/**
 * Marks places: `entries` has pairs of an id and a mark, { colour, text, title }, or null for none. Without a colour a seat looks as it did; `title` may be
 * a function of the id. With `isAll`, others have none.
 */
export function mark(map, entries, isAll) {
  const { states, painter, seats } = map;
  if (!states) return;
  const found = entries.map(([id, marking]) => [map.model.find(id), marking]).filter(([seat]) => seat >= 0);
  if (isAll) {
    painter.sprites.forget();
    states.unmark();
  }
  states.mark(found);
  map.hovered = -1;
  if (isAll || found.length > MOST) {
    painter.changedAll();
    seats?.changedAll();
  } else map.repaintSeats(found.map(([seat]) => seat));
}
