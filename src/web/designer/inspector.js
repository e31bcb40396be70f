// The panel beside the plan: what is chosen and how it may be changed.

import { element, fill } from "../lib/dom.js";
import * as commands from "./commands.js";
import { size, SEAT_PITCH } from "./plan.js";
import { unused } from "./tools.js";

const at = (id) => document.getElementById(id);
/** The value of a field that is shown to everybody who does not write in it at the moment. */
export function set(input, value) {
  if (input !== document.activeElement && input.value !== String(value)) input.value = value;
}
/** The options of a choice of category, kept if they are right already. */
export function categoryOptions(select, plan, others = [["", "none"]]) {
  const wanted = [...others, ...plan.categories.map((category) => [category.key, category.name])];
  const have = [...select.options].map((option) => option.value + "\n" + option.text).join("\n");
  if (have === wanted.map(([value, text]) => value + "\n" + text).join("\n")) return;
  const { value } = select;
  fill(select, ...wanted.map(([key, text]) => element("option", { value: key, textContent: text })));
  select.value = value;
}
/** A number from a field, or `other` if it is empty or none. */
export function number(input, other) {
  const value = input.value.trim() === "" ? NaN : Number(input.value);
  return Number.isFinite(value) ? value : other;
}
/** What all of them have, or undefined. */
function shared(parts, member) {
  return parts.length && parts.every((part) => (part[member] ?? "") === (parts[0][member] ?? "")) ? parts[0][member] ?? "" : undefined;
}

/** Shows what is chosen, and changes it. */
export function inspect(editor) {
  const [seatsForm, areasForm] = [at("seats-form"), at("areas-form")];
  const rowIds = () => new Set([...editor.selection.rows].map((row) => row.id));
  const isOne = (event, name) => event.target.name === name;

  seatsForm.addEventListener("change", (event) => {
    const { seats, rows, sections } = editor.selection;
    const { value } = event.target;
    if (isOne(event, "label") && seats.length === 1) editor.change(commands.change(editor.plan, seats[0].id, { label: value.trim() }), "Label a seat");
    else if (isOne(event, "row") && rows.size === 1) editor.change(commands.change(editor.plan, [...rows][0].id, { label: value.trim() }), "Label a row");
    else if (isOne(event, "section") && sections.size === 1) editor.change(commands.change(editor.plan, [...sections][0].id, { name: value.trim() }), "Name a section");
    else if (isOne(event, "category") && value !== "?") editor.change(commands.paint(editor.plan, editor.chosen, value || null), "Paint");
    else if (isOne(event, "kind") && value) editor.change(commands.changeSeats(editor.plan, editor.chosen, kindMembers(value)), "Change the kind");
    else if (isOne(event, "note")) editor.change(commands.changeSeats(editor.plan, editor.chosen, { note: value.trim() || undefined }), "Note");
  });
  areasForm.addEventListener("change", (event) => {
    const [area] = editor.selection.areas;
    if (!area) return;
    const { name, value } = event.target;
    const members = name === "capacity" ? { capacity: Math.max(1, Math.round(Number(value)) || 1) }
      : name === "category" ? { category: value || null } : { label: value.trim() };
    editor.change(commands.change(editor.plan, area.id, members), "Change an area");
  });
  submitted("numbers-form", ({ style, from, first }) => {
    const rule = { style: style.value, from: from.value, first: number(first, undefined) };
    editor.change(commands.renumber(editor.plan, rowIds(), rule), "Number the seats");
  });
  submitted("labels-form", ({ first, skip }) => {
    editor.change(commands.relabel(editor.plan, rowIds(), { first: first.value || "A", skip: skip.value }), "Label the rows");
  });
  submitted("section-form", ({ name }) => editor.change(commands.moveRows(editor.plan, rowIds(), name.value.trim()), "Put rows into a section"));
  submitted("bend-form", ({ curve }) => editor.change(commands.bend(editor.plan, rowIds(), number(curve, 0)), "Bend rows"));
  submitted("turn-form", ({ degrees }) => editor.change(commands.turn(editor.plan, editor.chosen, number(degrees, 0)), "Turn"));
  submitted("move-form", ({ x, y }) => editor.change(commands.move(editor.plan, editor.chosen, number(x, 0), number(y, 0)), "Move"));
  at("copy").addEventListener("click", () => copy(editor, rowIds(), false));
  at("mirror").addEventListener("click", () => copy(editor, rowIds(), true));
  at("remove").addEventListener("click", () => editor.change(commands.remove(editor.plan, editor.chosen), "Remove"));

  let shown = {};
  editor.addEventListener("change", () => {
    const { selection, plan: { sections, categories } } = editor;
    if (shown.selection === selection && shown.sections === sections && shown.categories === categories) return;
    shown = { selection, sections, categories };
    show(editor, seatsForm, areasForm);
  });
}
/** A place that is no companion's seat belongs to nobody. */
function kindMembers(kind) {
  return kind === "companion" ? { kind } : { kind, companionOf: undefined };
}
/** What a form does when it is sent: the page stays. */
export function submitted(id, then) {
  const form = at(id);
  form.addEventListener("submit", (event) => { event.preventDefault(); then(form.elements, form); });
}
function copy(editor, rows, mirrored) {
  const [section] = editor.selection.sections;
  if (!section) return;
  const name = unused(section.name, editor.plan.sections.map((one) => one.name));
  const plan = commands.copyRows(editor.plan, rows, { name, mirrored });
  editor.change(plan, mirrored ? "Mirror" : "Copy");
  editor.choose(plan.sections.at(-1).rows.flatMap((row) => row.seats.map((seat) => seat.id)));
}

function show(editor, seatsForm, areasForm) {
  const { seats, rows, sections, areas } = editor.selection;
  at("chosen").hidden = !seats.length && !areas.length;
  at("chosen-title").textContent = title(seats, rows, sections, areas);
  for (const part of [seatsForm, at("numbering"), at("shape")]) part.hidden = !seats.length;
  at("shape").hidden = at("chosen").hidden;
  for (const button of ["copy", "mirror"]) at(button).hidden = !seats.length;
  areasForm.hidden = areas.length !== 1 || seats.length > 0;
  if (seats.length) showSeats(seatsForm.elements, seatsForm, { editor, seats, rows, sections });
  if (areas.length === 1) {
    const { label, capacity, category } = areasForm.elements;
    categoryOptions(category, editor.plan);
    set(label, areas[0].label);
    set(capacity, areas[0].capacity);
    set(category, areas[0].category ?? "");
  }
  const names = editor.plan.sections.map((section) => section.name);
  fill(at("section-names"), ...names.map((value) => element("option", { value })));
}
function showSeats(fields, form, { editor, seats, rows, sections }) {
  const hide = (what, hidden) => { form.querySelector(`[data-for=${what}]`).hidden = hidden; };
  hide("seat", seats.length !== 1);
  hide("row", rows.size !== 1);
  hide("section", sections.size !== 1);
  if (seats.length === 1) set(fields.label, seats[0].label);
  if (rows.size === 1) set(fields.row, [...rows][0].label);
  if (sections.size === 1) set(fields.section, [...sections][0].name);
  const category = shared(seats, "category");
  categoryOptions(fields.category, editor.plan, category === undefined ? [["?", "several"], ["", "none"]] : [["", "none"]]);
  set(fields.category, category ?? "?");
  set(fields.kind, shared(seats, "kind") ?? "");
  set(fields.note, shared(seats, "note") ?? "");
  fields.note.placeholder = shared(seats, "note") === undefined ? "several" : "";
}
function title(seats, rows, sections, areas) {
  const parts = [];
  if (seats.length === 1) parts.push("Seat " + seats[0].label + ", row " + [...rows][0].label);
  else if (seats.length) parts.push(seats.length + " seats in " + (rows.size === 1 ? "row " + [...rows][0].label : rows.size + " rows"));
  if (sections.size === 1) parts.push([...sections][0].name);
  if (areas.length) parts.push(areas.length === 1 ? areas[0].label : areas.length + " areas");
  return parts.join(" · ") || "Chosen";
}

/** Keeps the count under the plan right. */
export function count(plan) {
  const { seats, places } = size(plan);
  const about = plan.sections.length === 1 ? "1 section" : plan.sections.length + " sections";
  return [`${seats.toLocaleString("en")} seats`, about, places && `${places.toLocaleString("en")} places in areas`].filter(Boolean).join(" · ");
}
/** Arrow keys move what is chosen by a tenth of a seat, with shift by a whole one. */
export function nudge(editor, key, far) {
  const by = far ? SEAT_PITCH : SEAT_PITCH / 10;
  const [x, y] = { ArrowLeft: [-by, 0], ArrowRight: [by, 0], ArrowUp: [0, -by], ArrowDown: [0, by] }[key];
  editor.change(commands.move(editor.plan, editor.chosen, x, y), "Move", "nudge");
}
