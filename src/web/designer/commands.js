// Changes of a plan: each takes a document and gives another one. What does not change is shared between the two.

import { COLOURS, ROW_PITCH, SEAT_PITCH, around, fresh, index } from "./plan.js";
import { rowLabels, seatLabels } from "./numbering.js";
import { positions } from "./rows.js";

/** The same document with other seats: `change` gives a seat, the same one, or null to take it away. Rows and sections without seats go, too. */
function eachSeat(plan, change) {
  let changed = false;
  const sections = plan.sections.map((section) => {
    const rows = section.rows.map((row) => {
      const seats = row.seats.map((seat) => change(seat, row, section)).filter(Boolean);
      if (seats.length === row.seats.length && seats.every((seat, place) => seat === row.seats[place])) return row;
      changed = true;
      return { ...row, seats };
    }).filter((row) => row.seats.length);
    return rows.length === section.rows.length && rows.every((row, place) => row === section.rows[place]) ? section : { ...section, rows };
  });
  return changed ? { ...plan, sections: sections.filter((section) => section.rows.length) } : plan;
}
/** The same document with other rows: `change` gives a row or the same one. */
function eachRow(plan, change) {
  const sections = plan.sections.map((section) => {
    const rows = section.rows.map((row, place) => change(row, section, place));
    return rows.every((row, place) => row === section.rows[place]) ? section : { ...section, rows };
  });
  return sections.every((section, place) => section === plan.sections[place]) ? plan : { ...plan, sections };
}

/** Rows in a section: in the one of this name, or in a new one. */
export function addRows(plan, name, rows) {
  const place = plan.sections.findIndex((section) => section.name === name);
  if (place < 0) return { ...plan, sections: [...plan.sections, { id: fresh(), name, rows }] };
  const sections = [...plan.sections];
  sections[place] = { ...sections[place], rows: [...sections[place].rows, ...rows] };
  return { ...plan, sections };
}
export function addArea(plan, area) {
  return { ...plan, areas: [...plan.areas, { id: fresh(), category: null, ...area }] };
}
/** A category with a key that no other has. */
export function addCategory(plan, name) {
  const taken = new Set(plan.categories.map((category) => category.key));
  const base = name.trim().toLowerCase().replace(/[^\p{L}\p{N}]+/gu, "-").replace(/^-|-$/g, "").slice(0, 30) || "category";
  let key = base;
  for (let number = 2; taken.has(key); number += 1) key = base + "-" + number;
  const colour = COLOURS[plan.categories.length % COLOURS.length];
  return { ...plan, categories: [...plan.categories, { id: fresh(), key, name: name.trim() || key, colour }] };
}
/** A category goes; what had it has none. */
export function removeCategory(plan, id) {
  const gone = plan.categories.find((category) => category.id === id)?.key;
  const without = eachSeat(plan, (seat) => (seat.category === gone ? { ...seat, category: null } : seat));
  return {
    ...without,
    categories: plan.categories.filter((category) => category.id !== id),
    areas: without.areas.map((area) => (area.category === gone ? { ...area, category: null } : area)),
  };
}

/** Other members of a part with this id: a section, row, seat, area or category. */
export function change(plan, id, members) {
  const found = index(plan).get(id);
  if (!found) return plan;
  if (found.kind === "seat") return eachSeat(plan, (seat) => (seat.id === id ? { ...seat, ...members } : seat));
  if (found.kind === "row") return eachRow(plan, (row) => (row.id === id ? { ...row, ...members } : row));
  const list = { section: "sections", area: "areas", category: "categories" }[found.kind];
  return { ...plan, [list]: plan[list].map((part) => (part.id === id ? { ...part, ...members } : part)) };
}
/** Other members of all these seats. */
export function changeSeats(plan, ids, members) {
  const names = Object.keys(members);
  return eachSeat(plan, (seat) => (ids.has(seat.id) && names.some((name) => seat[name] !== members[name]) ? { ...seat, ...members } : seat));
}
/** Seats and areas of a category, or of none. */
export function paint(plan, ids, category) {
  const painted = changeSeats(plan, ids, { category });
  if (!plan.areas.some((area) => ids.has(area.id) && area.category !== category)) return painted;
  return { ...painted, areas: painted.areas.map((area) => (ids.has(area.id) ? { ...area, category } : area)) };
}

/** Without these seats and areas. */
export function remove(plan, ids) {
  const without = eachSeat(plan, (seat) => (ids.has(seat.id) ? null : seat));
  return without.areas.some((area) => ids.has(area.id)) ? { ...without, areas: without.areas.filter((area) => !ids.has(area.id)) } : without;
}
/** The seats and areas moved. */
export function move(plan, ids, x, y) {
  if (!x && !y) return plan;
  const moved = eachSeat(plan, (seat) => (ids.has(seat.id) ? { ...seat, x: seat.x + x, y: seat.y + y } : seat));
  if (!moved.areas.some((area) => ids.has(area.id) && area.width !== undefined)) return moved;
  const shift = (area) => (ids.has(area.id) && area.width !== undefined ? { ...area, x: area.x + x, y: area.y + y } : area);
  return { ...moved, areas: moved.areas.map(shift) };
}
/** The seats turned around their middle, clockwise. */
export function turn(plan, ids, degrees) {
  const chosen = [...ids].map((id) => index(plan).get(id)).filter((found) => found?.kind === "seat").map((found) => found.part);
  if (!chosen.length) return plan;
  const { left, top, right, bottom } = around(chosen);
  const [x, y, angle] = [(left + right) / 2, (top + bottom) / 2, degrees * Math.PI / 180];
  const [sine, cosine] = [Math.sin(angle), Math.cos(angle)];
  return eachSeat(plan, (seat) => (ids.has(seat.id)
    ? { ...seat, x: x + (seat.x - x) * cosine - (seat.y - y) * sine, y: y + (seat.x - x) * sine + (seat.y - y) * cosine } : seat));
}
/** The seats of these rows on a curve, where they stand now; all of a row's seats get another position. */
export function bend(plan, rows, curve) {
  return eachRow(plan, (row) => {
    if (!rows.has(row.id) || row.seats.length < 2) return row;
    const [first, final] = [row.seats[0], row.seats.at(-1)];
    const spread = final.adjacency - first.adjacency || 1;
    const pitch = Math.hypot(final.x - first.x, final.y - first.y) / spread;
    const middle = row.seats[Math.floor((row.seats.length - 1) / 2)];
    const points = positions(row.seats.map((seat) => seat.adjacency), { x: (first.x + final.x) / 2, y: middle.y, curve, pitch });
    return { ...row, seats: row.seats.map((seat, place) => ({ ...seat, ...points[place] })) };
  });
}

/** Other numbers for the seats of these rows. */
export function renumber(plan, rows, rule) {
  return eachRow(plan, (row) => {
    if (!rows.has(row.id)) return row;
    const labels = seatLabels(row.seats.length, rule);
    const named = new Map(row.seats.map((seat, place) => [seat.label, labels[place]]));
    return { ...row, seats: row.seats.map((seat, place) => ({ ...seat, label: labels[place], ...companion(seat, named) })) };
  });
}
function companion(seat, named) {
  return seat.companionOf ? { companionOf: named.get(seat.companionOf) ?? seat.companionOf } : {};
}
/** Other labels for these rows, in order. */
export function relabel(plan, rows, rule) {
  const labels = rowLabels(rows.size, rule);
  let next = 0;
  return eachRow(plan, (row) => (rows.has(row.id) ? { ...row, label: labels[next++] } : row));
}

/** An aisle on the right of this seat, or none: what is beyond it moves by a seat's width. */
export function aisle(plan, id, isThere) {
  const found = index(plan).get(id);
  const place = found?.row?.seats.indexOf(found.part) ?? -1;
  const next = found?.row?.seats[place + 1];
  if (!next || (next.adjacency - found.part.adjacency > 1) === isThere) return plan;
  const { part: seat, row } = found;
  const length = Math.hypot(next.x - seat.x, next.y - seat.y) || 1;
  const gap = next.adjacency - seat.adjacency - 1;
  const by = isThere ? SEAT_PITCH : -gap * SEAT_PITCH;
  const step = { x: (next.x - seat.x) / length * by, y: (next.y - seat.y) / length * by };
  const seats = row.seats.map((one, at) => (at <= place
    ? { ...one, x: one.x - step.x / 2, y: one.y - step.y / 2 }
    : { ...one, x: one.x + step.x / 2, y: one.y + step.y / 2, adjacency: one.adjacency + (isThere ? 1 : -gap) }));
  return eachRow(plan, (one) => (one === row ? { ...row, seats } : one));
}

/** A copy of these rows in a section of its own; mirrored, it stands on the other side of the stage with its seats in the other order. */
export function copyRows(plan, rows, { name, mirrored }) {
  const axis = plan.focalPoint?.x ?? 0;
  const chosen = plan.sections.flatMap((section) => section.rows).filter((row) => rows.has(row.id));
  if (!chosen.length) return plan;
  const copy = (seat) => ({ ...seat, id: fresh(), guid: undefined, x: mirrored ? 2 * axis - seat.x : seat.x, y: mirrored ? seat.y : seat.y + offset });
  const { top, bottom } = around(chosen.flatMap((row) => row.seats));
  const offset = bottom - top + ROW_PITCH;
  const copies = chosen.map((row) => {
    const seats = row.seats.map(copy);
    if (!mirrored) return { ...row, id: fresh(), seats };
    const most = row.seats.at(-1).adjacency + 1;
    return { ...row, id: fresh(), seats: seats.reverse().map((seat) => ({ ...seat, adjacency: most - seat.adjacency })) };
  });
  return addRows(plan, name, copies);
}
/** These rows, in their order, in the section of this name; a section without rows goes. */
export function moveRows(plan, rows, name) {
  const moved = plan.sections.flatMap((section) => section.rows).filter((row) => rows.has(row.id));
  if (!moved.length || !name) return plan;
  const stay = (section) => section.rows.filter((row) => !rows.has(row.id));
  const rest = plan.sections.map((section) => ({ ...section, rows: stay(section) }));
  return addRows({ ...plan, sections: rest.filter((section) => section.rows.length || section.name === name) }, name, moved);
}
