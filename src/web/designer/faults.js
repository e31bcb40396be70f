// What is wrong with a plan, or may be: each fault has words, and the parts that it is about, so that the page can go there.

import { SEAT_PITCH, index, size } from "./plan.js";

/** Seats nearer to each other than this overlap. */
const OVERLAP = SEAT_PITCH * 0.6;
/** Faults that are listed; more help nobody. */
const MOST = 200;
const LONGEST = { name: 100, label: 40 };

/** The faults of a document, those that the server would refuse (`wrong`) first. */
export function faults(plan) {
  const found = [];
  const add = (wrong, words, ids = []) => { if (found.length < MOST) found.push({ wrong, words, ids }); };
  const { seats, places } = size(plan);
  if (!plan.name.trim()) add(true, "The house has no name.");
  else if (isLonger(plan.name, LONGEST.name)) add(true, "The name of the house is longer than 100 characters.");
  if (!seats && !places) add(true, "There is no seat and no area yet.");
  names(plan, add);
  rows(plan, add);
  areas(plan, add);
  categories(plan, add);
  overlaps(plan, add);
  if (!plan.focalPoint) add(false, "There is no stage: the best seats are then near the middle of the first row.");
  return found.sort((one, other) => other.wrong - one.wrong);
}

/** A text in the form in which the server keeps it, and whether it has more characters there. */
const plain = (text) => text.normalize("NFC").trim();
const isLonger = (text, most) => [...plain(text)].length > most;

/** Parts by their name; those that several have are told, and whether that is wrong. Names that differ in upper and lower case are taken, but look alike. */
function doubled(parts, name, told) {
  const known = new Map();
  for (const part of parts) {
    const seen = plain(name(part)).toLowerCase();
    const same = known.get(seen);
    if (same) same.push(part); else known.set(seen, [part]);
  }
  for (const same of known.values()) {
    const names = same.map((part) => plain(name(part)));
    const different = [...new Set(names)];
    if (same.length > 1 && names[0]) told(same, different.length < names.length, different.join(" and "));
  }
}

function names(plan, add) {
  for (const section of plan.sections) {
    if (!section.name.trim()) add(true, "A section has no name.", ids(section));
    if (isLonger(section.name, LONGEST.name)) add(true, `The name of section ${section.name.slice(0, 20)}… is too long.`, ids(section));
  }
  doubled(plan.sections, (section) => section.name, (same, wrong, called) => add(wrong, `${same.length} sections are called ${called}.`, same.flatMap(ids)));
}
function ids(section) {
  return section.rows.flatMap((row) => row.seats.map((seat) => seat.id));
}

function rows(plan, add) {
  for (const section of plan.sections) {
    const where = (row) => `${section.name} row ${row.label}`;
    doubled(section.rows, (row) => row.label, (same, wrong, called) => {
      add(wrong, `${same.length} rows of ${section.name} are called ${called}.`, same.flatMap((row) => row.seats.map((seat) => seat.id)));
    });
    for (const row of section.rows) {
      const all = row.seats.map((seat) => seat.id);
      if (!row.label.trim()) add(true, `A row of ${section.name} has no label.`, all);
      if (isLonger(row.label, LONGEST.label)) add(true, `The label of ${where(row)} is too long.`, all);
      doubled(row.seats, (seat) => seat.label, (same, wrong, called) => {
        add(wrong, `${where(row)}: ${same.length} seats are called ${called}.`, same.map((seat) => seat.id));
      });
      const wheelchairs = row.seats.filter((seat) => seat.kind === "wheelchair");
      for (const seat of row.seats) {
        if (!seat.label.trim()) add(true, `${where(row)}: a seat has no label.`, [seat.id]);
        if (seat.kind !== "companion") continue;
        if (!wheelchairs.length) add(true, `${where(row)}, seat ${seat.label}: a companion's seat needs a wheelchair place in its row.`, [seat.id]);
        else if (seat.companionOf && !wheelchairs.some((place) => place.label === seat.companionOf)) {
          add(true, `${where(row)}, seat ${seat.label}: no wheelchair place of the row is called ${seat.companionOf}.`, [seat.id]);
        }
      }
    }
  }
}

function areas(plan, add) {
  doubled(plan.areas, (area) => area.label, (same, wrong, called) => {
    add(wrong, `${same.length} areas are called ${called}.`, same.map((area) => area.id));
  });
  for (const area of plan.areas) {
    if (!area.label.trim()) add(true, "An area has no label.", [area.id]);
    if (!Number.isInteger(area.capacity) || area.capacity < 1) add(true, `Area ${area.label} has no places.`, [area.id]);
  }
}

/** A house with categories sells by them: what has none costs what all others cost. */
function categories(plan, add) {
  doubled(plan.categories, (category) => category.key, (same, wrong, called) => add(wrong, `${same.length} categories have the key ${called}.`));
  for (const category of plan.categories) if (!category.name.trim()) add(true, "A category has no name.");
  if (!plan.categories.length) return;
  for (const section of plan.sections) {
    const without = section.rows.flatMap((row) => row.seats).filter((seat) => !seat.category);
    if (without.length) add(false, `${without.length} seats of ${section.name} have no category.`, without.map((seat) => seat.id));
  }
  for (const area of plan.areas) if (!area.category) add(false, `Area ${area.label} has no category.`, [area.id]);
}

function overlaps(plan, add) {
  const cells = new Map();
  const overlapping = new Map();
  for (const section of plan.sections) {
    for (const row of section.rows) {
      for (const seat of row.seats) {
        const other = near(cells, seat);
        if (other) {
          const key = [section.name, other.section].sort().join("\n");
          const entry = overlapping.get(key) ?? { sections: [section.name, other.section], ids: [] };
          entry.ids.push(seat.id, other.seat.id);
          overlapping.set(key, entry);
        }
        const cell = cellOf(seat.x, seat.y);
        if (!cells.has(cell)) cells.set(cell, []);
        cells.get(cell).push({ seat, section: section.name });
      }
    }
  }
  for (const { sections: [one, other], ids: seats } of overlapping.values()) {
    const where = one === other ? `of ${one}` : `of ${one} and ${other}`;
    add(false, `${new Set(seats).size} seats ${where} overlap.`, [...new Set(seats)]);
  }
}
function cellOf(x, y) {
  return Math.floor(x / OVERLAP) + " " + Math.floor(y / OVERLAP);
}
function near(cells, { x, y }) {
  for (let column = -1; column <= 1; column += 1) {
    for (let line = -1; line <= 1; line += 1) {
      const there = cells.get(cellOf(x + column * OVERLAP, y + line * OVERLAP)) ?? [];
      const found = there.find(({ seat }) => Math.hypot(seat.x - x, seat.y - y) < OVERLAP);
      if (found) return found;
    }
  }
  return null;
}

/** Faults that the server named by JSON pointers, with the parts that they point at. */
export function refused(plan, errors) {
  return errors.map(({ pointer = "", detail }) => {
    const steps = pointer.split("/").slice(1);
    const section = steps[0] === "sections" ? plan.sections.filter((one) => one.rows.length)[Number(steps[1])] : null;
    const row = steps[2] === "rows" ? section?.rows[Number(steps[3])] : null;
    const seat = steps[4] === "seats" ? row?.seats[Number(steps[5])] : null;
    const area = steps[0] === "areas" ? plan.areas[Number(steps[1])] : null;
    const part = seat ?? row ?? section ?? area;
    const where = [section?.name, row && "row " + row.label, seat && "seat " + seat.label, area?.label].filter(Boolean).join(", ");
    return { wrong: true, words: (where ? where + ": " : steps.length ? steps.at(-1) + " " : "") + detail, ids: part ? under(plan, part.id) : [] };
  });
}
/** The seats and areas that belong to a part. */
export function under(plan, id) {
  const found = index(plan).get(id);
  if (!found) return [];
  if (found.kind === "section") return ids(found.part);
  if (found.kind === "row") return found.part.seats.map((seat) => seat.id);
  return found.kind === "category" ? [] : [id];
}
