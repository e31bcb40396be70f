// Rows by numbers: the form, and the seats that it would make, shown on the plan before they are there.

import { addRows } from "./commands.js";
import { categoryOptions, number, set } from "./inspector.js";
import { ROW_PITCH, around, bounds, together } from "./plan.js";
import { makeRows } from "./rows.js";
import { unused } from "./tools.js";

/** What the form begins with. */
const FIRST = { rows: 10, seats: 20, growth: 0, curve: 0, firstRow: "A", skip: "", style: "all", from: "left", first: undefined, aisles: "", rowPitch: ROW_PITCH };

/** Keeps the form and the editor's wish the same. */
export function rowsForm(editor) {
  const form = document.getElementById("rows-form");
  const fields = form.elements;
  editor.wish = { ...FIRST, x: 0, y: 0, section: "Stalls", category: null };
  form.addEventListener("input", () => {
    editor.wish = { ...editor.wish, ...read(fields) };
    preview(editor);
    if (!editor.wish.placed) reveal(editor);
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const wish = { ...editor.wish, ...read(fields) };
    const rows = makeRows(wish);
    editor.change(addRows(editor.plan, wish.section.trim(), rows), `Add ${rows.length} rows`);
    // The next block is another section, behind this one.
    const depth = (rows.length + 1) * wish.rowPitch;
    editor.wish = { ...wish, section: unused(wish.section.replace(/ \d+$/, ""), editor.plan.sections.map((section) => section.name)), y: wish.y + depth, firstRow: "A", placed: false };
    editor.use("choose");
    editor.choose(rows.flatMap((row) => row.seats.map((seat) => seat.id)));
    editor.fit();
  });
  editor.addEventListener("change", () => show(editor, form));
}

function read(fields) {
  return {
    section: fields.section.value, rows: number(fields.rows, 1), seats: number(fields.seats, 1), growth: number(fields.growth, 0),
    curve: number(fields.curve, 0), firstRow: fields.firstRow.value, skip: fields.skip.value.replace(/[^A-Za-z]/g, ""), style: fields.style.value,
    from: fields.from.value, first: number(fields.first, undefined), aisles: fields.aisles.value,
    aisleAfter: (fields.aisles.value.match(/\d+/g) ?? []).map(Number), rowPitch: number(fields.rowPitch, ROW_PITCH),
    category: fields.category.value || null, x: number(fields.x, 0), y: number(fields.y, 0),
  };
}
function show(editor, form) {
  const isOpen = editor.tool === "rows";
  const opens = isOpen && form.hidden;
  form.hidden = !isOpen;
  if (!isOpen) return;
  const fields = form.elements;
  if (opens && !editor.wish.placed) editor.wish = { ...editor.wish, ...free(editor) };
  categoryOptions(fields.category, editor.plan);
  for (const name of ["section", "rows", "seats", "growth", "curve", "firstRow", "skip", "style", "from", "aisles", "rowPitch", "x", "y"]) {
    set(fields[name], name === "x" || name === "y" ? Math.round(editor.wish[name]) : editor.wish[name]);
  }
  set(fields.first, editor.wish.first ?? "");
  set(fields.category, editor.wish.category ?? "");
  preview(editor);
  if (opens) reveal(editor);
}
/** Makes the view large enough for what would be made. */
function reveal(editor) {
  editor.view.fit(together(bounds(editor.plan), around(editor.ghost)));
}
/** The first place behind all that is there. */
function free(editor) {
  let lowest = null;
  for (const section of editor.plan.sections) for (const row of section.rows) for (const seat of row.seats) lowest = Math.max(lowest ?? seat.y, seat.y);
  return { x: editor.plan.focalPoint?.x ?? 0, y: lowest === null ? (editor.plan.focalPoint?.y ?? -200) + 200 : lowest + 2 * ROW_PITCH };
}
function preview(editor) {
  const seats = makeRows(editor.wish).flatMap((row) => row.seats);
  editor.ghost = seats;
  document.getElementById("rows-sum").textContent = seats.length.toLocaleString("en") + " seats";
  editor.redraw();
}
