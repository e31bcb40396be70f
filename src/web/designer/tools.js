// The tools: what a press, a drag and a release on the plan do.

import { addArea, aisle, move, paint } from "./commands.js";
import { areaAt, box, idsIn, seatAt, seatsIn } from "./hits.js";
import { SEAT_PITCH } from "./plan.js";
import { makeRows, wishFor } from "./rows.js";

/** Pixels that a pointer moves before a press is a drag. */
const SLACK = 4;

const choose = {
  label: "Choose", key: "v", cursor: "default",
  hint: "Click a seat, drag a frame around many, drag chosen seats to move them. A double click chooses the row, a third the section.",
  down(editor, at, event) {
    const hit = seatAt(editor.plan, at.x, at.y)?.seat ?? areaAt(editor.plan, at.x, at.y);
    const adds = event.shiftKey || event.ctrlKey || event.metaKey;
    if (!hit) return { kind: "frame", adds, before: editor.chosen };
    if (adds) { editor.choose([hit.id], "toggle"); return null; }
    if (event.detail > 1) { editor.choose(widened(editor.plan, at, event.detail)); return null; }
    if (!editor.chosen.has(hit.id)) editor.choose([hit.id]);
    return { kind: "move", hit };
  },
  drag(editor, stroke, from, to) {
    if (stroke.kind === "frame") editor.marquee = box(from, to);
    else editor.shift = { x: to.x - from.x, y: to.y - from.y };
    editor.redraw();
  },
  up(editor, stroke, from, to, moved) {
    if (stroke.kind === "frame") {
      const ids = moved ? idsIn(editor.plan, box(from, to)) : new Set();
      editor.marquee = null;
      editor.choose(ids, stroke.adds ? "add" : "only");
    } else if (moved) {
      // What is dragged is only drawn elsewhere until it is let go: one change of the house, however far it went.
      const { x, y } = editor.shift;
      editor.shift = null;
      editor.change(move(editor.plan, editor.chosen, x, y), "Move");
      editor.redraw();
    } else {
      editor.choose([stroke.hit.id]);
    }
  },
};
function widened(plan, at, clicks) {
  const found = seatAt(plan, at.x, at.y);
  if (!found) return [];
  const rows = clicks > 2 ? found.section.rows : [found.row];
  return rows.flatMap((row) => row.seats.map((seat) => seat.id));
}

const rows = {
  label: "Rows", key: "r", cursor: "crosshair",
  hint: "Drag a frame as large as the block of rows; its numbers are then on the right, to be made exact.",
  down: () => ({}),
  drag(editor, _stroke, from, to) {
    const frame = box(from, to);
    editor.marquee = frame;
    editor.ghost = makeRows({ ...editor.wish, aisleAfter: [], growth: 0, curve: 0, ...wishFor(frame) }).flatMap((row) => row.seats);
    editor.redraw();
  },
  up(editor, _stroke, from, to, moved) {
    editor.marquee = null;
    editor.wish = { ...editor.wish, ...(moved ? wishFor(box(from, to)) : { x: from.x, y: from.y }), placed: true };
    editor.tell();
  },
};

const area = {
  label: "Area", key: "a", cursor: "crosshair",
  hint: "Drag a frame: an area has a number of places and no seats, such as standing room.",
  down: () => ({}),
  drag(editor, _stroke, from, to) {
    editor.marquee = box(from, to);
    editor.redraw();
  },
  up(editor, _stroke, from, to, moved) {
    editor.marquee = null;
    if (!moved) { editor.redraw(); return; }
    const { left, top, right, bottom } = box(from, to);
    const label = unused("Area", editor.plan.areas.map((one) => one.label));
    const capacity = Math.max(1, Math.round((right - left) * (bottom - top) / 5000));
    const plan = addArea(editor.plan, { label, capacity, category: editor.category, x: left, y: top, width: right - left, height: bottom - top });
    editor.change(plan, "Add an area");
    editor.tool = "choose";
    editor.choose([plan.areas.at(-1).id]);
  },
};
/** A name that is not among these. */
export function unused(base, names) {
  const taken = new Set(names.map((name) => name.toLowerCase()));
  for (let number = 1; ; number += 1) {
    const name = number === 1 ? base : base + " " + number;
    if (!taken.has(name.toLowerCase())) return name;
  }
}

const brush = {
  label: "Paint", key: "p", cursor: "cell",
  hint: "Choose a category on the right, then drag over the seats that have it. Shift paints whole rows.",
  down(editor, at, event) {
    paintAt(editor, at, at, event.shiftKey);
    return { wide: event.shiftKey };
  },
  drag: (editor, stroke, _from, to, before) => paintAt(editor, before, to, stroke.wide),
  up: () => {},
};
function paintAt(editor, one, other, wide) {
  const reach = SEAT_PITCH / 2;
  const { left, top, right, bottom } = box(one, other);
  const ids = new Set();
  for (const { seat, row } of seatsIn(editor.plan, { left: left - reach, top: top - reach, right: right + reach, bottom: bottom + reach })) {
    if (!touches(seat, one, other, reach)) continue;
    if (wide) row.seats.forEach((each) => ids.add(each.id)); else ids.add(seat.id);
  }
  const there = areaAt(editor.plan, other.x, other.y);
  if (there && !ids.size) ids.add(there.id);
  editor.change(paint(editor.plan, ids, editor.category), "Paint", "drag");
}
/** True if a seat is no farther than `reach` from the line between two points. */
function touches(seat, one, other, reach) {
  const [x, y] = [other.x - one.x, other.y - one.y];
  const along = Math.min(1, Math.max(0, ((seat.x - one.x) * x + (seat.y - one.y) * y) / (x * x + y * y || 1)));
  return Math.hypot(seat.x - one.x - along * x, seat.y - one.y - along * y) <= reach;
}

const aisles = {
  label: "Aisle", key: "i", cursor: "col-resize",
  hint: "Click a seat: the aisle is on its right. Click again to close it. Shift does it in all rows of the section.",
  down(editor, at, event) {
    const found = seatAt(editor.plan, at.x, at.y);
    if (!found) return null;
    const place = found.row.seats.indexOf(found.seat);
    const next = found.row.seats[place + 1];
    if (!next) return null;
    const isThere = next.adjacency - found.seat.adjacency === 1;
    const beside = event.shiftKey ? found.section.rows.map((row) => row.seats[place]).filter(Boolean) : [found.seat];
    editor.change(beside.reduce((plan, seat) => aisle(plan, seat.id, isThere), editor.plan), isThere ? "Add an aisle" : "Close an aisle");
    return null;
  },
  drag: () => {}, up: () => {},
};

const stage = {
  label: "Stage", key: "s", cursor: "move",
  hint: "Click or drag to where people look. The best seats are near it; the heat map shows how near.",
  down(editor, at) {
    editor.change({ ...editor.plan, focalPoint: at }, "Move the stage", "drag");
    return {};
  },
  drag: (editor, _stroke, _from, to) => editor.change({ ...editor.plan, focalPoint: to }, "Move the stage", "drag"),
  up: () => {},
};

const hand = {
  label: "Move view", key: "h", cursor: "grab", hint: "Drag to see another part. The wheel zooms; with any tool, space or the middle button moves the view.",
  down: () => ({}), drag: () => {}, up: () => {},
};

/** The tools by name, in the order of the toolbar. */
export const TOOLS = { choose, rows, area, brush, aisles, stage, hand };

/** Has the canvas follow pointers, the wheel and pinches. */
export function follow(canvas, editor) {
  let stroke = null;
  const pointers = new Map();
  const where = (event) => {
    const { left, top } = canvas.getBoundingClientRect();
    return { x: event.clientX - left, y: event.clientY - top };
  };
  const inPlan = ({ x, y }) => editor.view.toPlan(x, y);
  canvas.addEventListener("pointerdown", (event) => {
    // What is typed in a field is for what was chosen until now.
    if (document.activeElement !== canvas) document.activeElement?.blur();
    const at = where(event);
    canvas.setPointerCapture(event.pointerId);
    pointers.set(event.pointerId, at);
    if (pointers.size === 2) { stroke = null; Object.assign(editor, { shift: null, marquee: null }); editor.history.settle(); return; }
    const isHand = editor.tool === "hand" || event.button === 1 || editor.panning;
    if (isHand) { stroke = { hand: true, last: at }; return; }
    if (event.button !== 0) return;
    const from = inPlan(at);
    // A click's count is not told with the press of a pointer everywhere.
    const made = TOOLS[editor.tool].down(editor, from, { shiftKey: event.shiftKey, ctrlKey: event.ctrlKey, metaKey: event.metaKey, detail: clicks(event) });
    stroke = made && { made, tool: TOOLS[editor.tool], from, before: from, pressed: at, moved: false };
  });
  canvas.addEventListener("pointermove", (event) => {
    const at = where(event);
    if (pointers.size === 2 && pointers.has(event.pointerId)) return pinch(editor, pointers, event.pointerId, at);
    if (!stroke) return undefined;
    if (stroke.hand) {
      editor.view.pan(at.x - stroke.last.x, at.y - stroke.last.y);
      stroke.last = at;
      editor.redraw();
      return undefined;
    }
    if (!stroke.moved && Math.hypot(at.x - stroke.pressed.x, at.y - stroke.pressed.y) < SLACK) return undefined;
    stroke.moved = true;
    const to = inPlan(at);
    stroke.tool.drag(editor, stroke.made, stroke.from, to, stroke.before);
    stroke.before = to;
    return undefined;
  });
  const end = (event) => {
    pointers.delete(event.pointerId);
    const ended = stroke;
    stroke = null;
    if (ended && !ended.hand) ended.tool.up(editor, ended.made, ended.from, inPlan(where(event)), ended.moved);
    editor.history.settle();
  };
  canvas.addEventListener("pointerup", end);
  canvas.addEventListener("pointercancel", end);
  canvas.addEventListener("wheel", (event) => {
    event.preventDefault();
    const at = where(event);
    editor.view.zoom(Math.exp(-event.deltaY * (event.deltaMode ? 0.05 : 0.0015)), at.x, at.y);
    editor.redraw();
  }, { passive: false });
}

let pressed = { at: 0, x: 0, y: 0, count: 0 };
/** How often the same place was pressed in a row. */
function clicks(event) {
  const again = event.timeStamp - pressed.at < 400 && Math.hypot(event.clientX - pressed.x, event.clientY - pressed.y) < 6;
  pressed = { at: event.timeStamp, x: event.clientX, y: event.clientY, count: again ? pressed.count + 1 : 1 };
  return pressed.count;
}

function pinch(editor, pointers, id, at) {
  const [one, other] = [...pointers.values()];
  const before = Math.hypot(one.x - other.x, one.y - other.y);
  const middle = { x: (one.x + other.x) / 2, y: (one.y + other.y) / 2 };
  pointers.set(id, at);
  const [first, second] = [...pointers.values()];
  const after = Math.hypot(first.x - second.x, first.y - second.y);
  editor.view.pan((first.x + second.x) / 2 - middle.x, (first.y + second.y) / 2 - middle.y);
  if (before > 0) editor.view.zoom(after / before, (first.x + second.x) / 2, (first.y + second.y) / 2);
  editor.redraw();
}
