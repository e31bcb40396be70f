// The lists beside the plan: categories, what is wrong, and the parts of the house.

import { element, fill } from "../lib/dom.js";
import { addCategory, change, paint, removeCategory } from "./commands.js";
import { faults, under } from "./faults.js";
import { placesByCategory } from "./plan.js";
import { set, submitted } from "./inspector.js";

const at = (id) => document.getElementById(id);

/** Categories: the one that paints, its colour, its name, and how many have it. */
export function categories(editor) {
  const list = at("categories");
  submitted("category-form", () => {
    const input = at("category-name");
    const plan = addCategory(editor.plan, input.value);
    editor.change(plan, "Add a category");
    input.value = "";
    editor.category = plan.categories.at(-1).key;
    editor.tell();
  });
  list.addEventListener("change", (event) => {
    const id = Number(event.target.closest("li").dataset.id);
    const { name, value } = event.target;
    if (name === "colour") editor.change(change(editor.plan, id, { colour: value }), "Colour a category");
    else if (name === "name") editor.change(change(editor.plan, id, { name: value.trim() || value }), "Name a category");
  });
  list.addEventListener("click", (event) => {
    const action = event.target.closest("button")?.dataset.action;
    if (!action) return;
    const line = event.target.closest("li");
    const category = editor.plan.categories.find((one) => one.id === Number(line.dataset.id));
    if (action === "remove") editor.change(removeCategory(editor.plan, category.id), "Remove a category");
    else if (editor.chosen.size && editor.tool !== "brush") editor.change(paint(editor.plan, editor.chosen, category?.key ?? null), "Paint");
    else pick(editor, category?.key ?? null);
  });
  editor.addEventListener("change", () => showCategories(editor, list));
}
/** From now on the brush paints with this category. */
function pick(editor, key) {
  editor.category = key;
  editor.use("brush");
}
function showCategories(editor, list) {
  const { plan } = editor;
  const counts = placesByCategory(plan);
  const lines = new Map([...list.children].map((line) => [line.dataset.id, line]));
  const wanted = [...plan.categories, { id: 0, key: null, name: "none" }];
  const made = wanted.map((category) => {
    const line = lines.get(String(category.id)) ?? categoryLine(category);
    const isBrush = editor.category === category.key;
    line.querySelector("[data-action=pick]").setAttribute("aria-pressed", isBrush && editor.tool === "brush");
    line.querySelector(".count").textContent = (counts.get(category.key) ?? 0).toLocaleString("en");
    if (category.id) {
      set(line.querySelector("[name=colour]"), category.colour);
      set(line.querySelector("[name=name]"), category.name);
    }
    return line;
  });
  if (made.length !== list.children.length || made.some((line, place) => line !== list.children[place])) fill(list, ...made);
}
function categoryLine({ id, name }) {
  const line = element("li");
  line.dataset.id = id;
  const button = (action, textContent, label) => {
    const made = element("button", { type: "button", textContent });
    made.dataset.action = action;
    made.setAttribute("aria-label", label);
    made.title = label;
    return made;
  };
  if (!id) line.append(element("span", { className: "no-category", textContent: "no category" }));
  else {
    const colour = element("input", { type: "color", name: "colour" });
    colour.setAttribute("aria-label", "Colour");
    const input = element("input", { name: "name", maxLength: 100 });
    input.setAttribute("aria-label", "Name of the category");
    line.append(colour, input);
  }
  line.append(element("span", { className: "count" }), button("pick", "Paint", id ? "Paint with " + name : "Paint with no category"));
  if (id) line.append(button("remove", "×", "Remove the category"));
  return line;
}

/** What is wrong; each line goes to where it is. `others` are the server's. */
export function checks(editor) {
  const list = at("checks");
  let [checked, shown, timer] = [null, [], 0];
  list.addEventListener("click", (event) => {
    const line = event.target.closest("button");
    if (line) editor.show(shown[Number(line.dataset.place)].ids);
  });
  const look = () => {
    checked = editor.plan;
    shown = [...(editor.refused?.plan === editor.plan ? editor.refused.faults : []), ...faults(editor.plan)];
    at("checks-sum").textContent = shown.length ? shown.length + " found" : "nothing found";
    fill(list, ...shown.map((fault, place) => {
      const line = element(fault.ids.length ? "button" : "span", { textContent: fault.words });
      if (fault.ids.length) line.type = "button";
      line.dataset.place = place;
      const entry = element("li", {}, line);
      entry.dataset.wrong = fault.wrong;
      return entry;
    }));
  };
  // A drag makes many documents a second: they are looked at when it rests.
  editor.addEventListener("change", () => {
    if (editor.plan === checked && !editor.refused) return;
    clearTimeout(timer);
    timer = setTimeout(look, 120);
  });
  return { look, get wrong() { look(); return shown.filter((fault) => fault.wrong && !editor.refused?.faults.includes(fault)); } };
}

/** The sections with their rows, and the areas: to be chosen without a pointer. */
export function parts(editor) {
  const home = at("parts");
  let drawn = null;
  home.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (button) editor.show(under(editor.plan, Number(button.dataset.id)));
  });
  home.addEventListener("toggle", (event) => { if (event.target.open) openSection(editor, event.target); }, true);
  editor.addEventListener("change", () => {
    const { plan } = editor;
    // Most changes, such as those of colours and places, leave the list as it is.
    const said = JSON.stringify([plan.sections.map(({ id, name, rows }) => [id, name, rows.map((row) => [row.id, row.label, row.seats.length])]),
      plan.areas.map(({ id, label, capacity }) => [id, label, capacity])]);
    if (said === drawn) return;
    drawn = said;
    const open = new Set([...home.querySelectorAll("details[open]")].map((section) => section.dataset.id));
    const focused = home.contains(document.activeElement) ? document.activeElement.dataset.id : null;
    fill(home, ...plan.sections.map((section) => sectionPart(editor, section, open)), ...plan.areas.map((area) => choice(area.id, area.label + " · " + area.capacity + " places")));
    if (focused) home.querySelector(`button[data-id="${focused}"]`)?.focus();
  });
}
function sectionPart(editor, section, open) {
  const count = section.rows.reduce((sum, row) => sum + row.seats.length, 0);
  const part = element("details", {}, element("summary", { textContent: `${section.name} · ${section.rows.length} rows, ${count} seats` }));
  part.dataset.id = section.id;
  if (open.has(String(section.id))) { part.open = true; openSection(editor, part); }
  return part;
}
function openSection(editor, part) {
  const section = editor.plan.sections.find((one) => one.id === Number(part.dataset.id));
  if (!section || part.querySelector("button")) return;
  part.append(choice(section.id, "All of it"), ...section.rows.map((row) => choice(row.id, row.label + " · " + row.seats.length)));
}
function choice(id, textContent) {
  const button = element("button", { type: "button", textContent });
  button.dataset.id = id;
  return button;
}
