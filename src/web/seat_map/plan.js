// A plan in the format of /schemas/auditorium-1.json as a layout, so that a house can be drawn before it has a showtime.

const SEAT_PITCH = 50;
const ROW_PITCH = 90;
const SECTION_PITCH = 180;

function letters(number) {
  let text = "";
  for (let rest = number; rest > 0; rest = Math.floor((rest - 1) / 26)) text = String.fromCharCode(65 + (rest - 1) % 26) + text;
  return text;
}

/** Labels of a count of seats under a numbering. */
export function labelsOf({ count, numbering, from, first }) {
  const style = numbering ?? "all";
  const step = style === "odd" || style === "even" ? 2 : 1;
  const start = first ?? (style === "even" ? 2 : 1);
  const labels = Array.from({ length: count }, (_, place) => style === "letters" ? letters(start + place) : String(start + place * step));
  return from === "right" ? labels.reverse() : labels;
}

/** Each seat of a row by itself. */
function seatsOf(row) {
  if (!row.seats) return labelsOf(row).map((label) => ({ label }));
  return row.seats.flatMap((seat) => {
    if (seat.count === undefined || seat.count === null) return [seat];
    const { count, numbering, from, first, label, ...rest } = seat;
    return labelsOf(seat).map((one) => ({ ...rest, label: one }));
  });
}

function adjacencies(row, seats) {
  const aisles = new Set([].concat(row.aisleAfter ?? []));
  let last = 0;
  return seats.map((seat, place) => {
    last = seat.adjacency ?? last + (place === 0 ? 1 : aisles.has(place) ? 2 : 1);
    return last;
  });
}

function place(row, seats, line) {
  if (seats.length && seats[0].x !== undefined && seats[0].x !== null) return seats.map(({ x, y }) => ({ x, y }));
  const at = adjacencies(row, seats);
  const [x, y, curve] = [row.x ?? line.x, row.y ?? line.y, row.curve ?? 0];
  const middle = (at[0] + at[at.length - 1]) / 2;
  const half = (at[at.length - 1] - at[0]) / 2;
  return at.map((each) => ({ x: x + (each - middle) * SEAT_PITCH, y: y - (half > 0 ? curve * ((each - middle) / half) ** 2 : 0) }));
}

function runs(keys) {
  const ends = [];
  keys.forEach((category, position) => { if (keys[position + 1] !== category || position === keys.length - 1) ends.push({ to: position + 1, category: category ?? undefined }); });
  return ends;
}

function special(seats) {
  const found = [];
  seats.forEach(({ kind, companionOf, note }, position) => {
    if ((kind && kind !== "standard") || note) {
      const other = companionOf ? seats.findIndex((seat) => seat.label === companionOf) + 1 : 0;
      found.push({ seat: position + 1, kind: kind ?? "standard", companionOf: other || undefined, note: note ?? undefined });
    }
  });
  return found;
}

/** The layout of a plan. Its seats' ids are their places alone. */
export function layoutOf(plan) {
  const placed = [];
  let lowest = null;
  for (const section of plan.sections ?? []) {
    const line = { x: section.x ?? 0, y: section.y ?? (lowest === null ? 0 : lowest + SECTION_PITCH) };
    for (const row of section.rows ?? []) {
      const seats = seatsOf(row);
      if (!seats.length) continue;
      const points = place(row, seats, line);
      const rear = points.reduce((most, point) => Math.max(most, point.y), -Infinity);
      line.y = rear + ROW_PITCH;
      lowest = Math.max(lowest ?? -Infinity, rear);
      const usual = row.category ?? section.category;
      placed.push({ row: row.label, section: section.name, seats, points, keys: seats.map((seat) => seat.category ?? usual) });
    }
  }
  const points = placed.flatMap((row) => row.points);
  const range = (values) => values.reduce(([least, most], value) => [Math.min(least, value), Math.max(most, value)], [Infinity, -Infinity]);
  const [left, right] = points.length ? range(points.map(({ x }) => x)) : [0, 0];
  const focus = plan.focalPoint ?? { x: (left + right) / 2, y: points.length ? range(points.map(({ y }) => y))[0] : 0 };
  const hundredths = (value, origin) => value === undefined || value === null ? undefined : Math.round((value - origin) * 100);
  const rows = placed.map(({ row, section, seats, points: at, keys }) => ({ row, section, seats: seats.length,
    labels: seats.map((seat) => seat.label ?? ""), x: at.map(({ x }) => hundredths(x, focus.x)), y: at.map(({ y }) => hundredths(y, focus.y)),
    categories: runs(keys), special: special(seats) }));
  const areas = (plan.areas ?? []).map((area) => ({ row: area.label, seats: area.capacity,
    categories: area.category ? [{ to: area.capacity, category: area.category }] : [],
    area: { x: hundredths(area.x, focus.x), y: hundredths(area.y, focus.y), width: hundredths(area.width, 0), height: hundredths(area.height, 0) } }));
  return { movieTitle: plan.name ?? "", seatIdPrefix: "", categories: plan.categories ?? [], rows: [...rows, ...areas] };
}
