// The designer: puts the parts of the page together.

import { element, fill } from "../lib/dom.js";
import { keyReady } from "../operator/key.js";
import * as draft from "./draft.js";
import { draw } from "./drawing.js";
import { Editor } from "./editor.js";
import { Files } from "./files.js";
import { count, inspect, nudge } from "./inspector.js";
import { Layer } from "./layer.js";
import { categories, checks, parts } from "./lists.js";
import { empty, read, write } from "./plan.js";
import { preview } from "./preview.js";
import { remove } from "./commands.js";
import { rowsForm } from "./rows_form.js";
import { sale } from "./sale.js";
import { ranks } from "./score.js";
import { TOOLS, follow } from "./tools.js";
import { trace } from "./trace.js";

const at = (id) => document.getElementById(id);
const canvas = at("canvas");
const editor = new Editor();

/** Says something above the plan, with buttons if there are any; nothing takes it away. */
function say(words, ...actions) {
  fill(at("message"), words, ...actions);
  at("message").hidden = !words;
}

// The tools.
for (const [name, tool] of Object.entries(TOOLS)) {
  const button = element("button", { type: "button", textContent: tool.label, title: `${tool.label} (${tool.key.toUpperCase()})` });
  button.dataset.tool = name;
  at("tools").append(button);
}
at("tools").addEventListener("click", (event) => {
  const tool = event.target.closest("button")?.dataset.tool;
  if (tool) editor.use(tool);
});

inspect(editor);
rowsForm(editor);
categories(editor);
const checked = checks(editor);
parts(editor);
trace(editor, say);
preview(editor);
const files = new Files(editor, checked, say);
sale(editor, files, say);
follow(canvas, editor);

// Drawing: once for each frame, however much has changed.
let [drawn, ranked] = [0, { plan: null, ranks: null }];
const layers = { rest: new Layer(paintSoon), chosen: new Layer(paintSoon) };
function paintSoon() {
  drawn ||= requestAnimationFrame(() => {
    drawn = 0;
    if (editor.heat && ranked.plan !== editor.plan) ranked = { plan: editor.plan, ranks: ranks(editor.plan) };
    draw(canvas, {
      plan: editor.plan, view: editor.view, chosen: editor.chosen, trace: editor.trace, marquee: editor.marquee, shift: editor.shift,
      ghost: editor.ghost, ranks: editor.heat ? ranked.ranks : null, layers,
    });
  });
}
new ResizeObserver(() => {
  const { clientWidth, clientHeight } = canvas;
  const first = editor.view.width === 1;
  Object.assign(canvas, { width: clientWidth * devicePixelRatio, height: clientHeight * devicePixelRatio });
  Object.assign(editor.view, { width: clientWidth, height: clientHeight });
  if (first) editor.fit();
  paintSoon();
}).observe(canvas);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", paintSoon);
editor.addEventListener("draw", paintSoon);
editor.addEventListener("change", () => {
  if (editor.tool !== "rows" && editor.ghost) editor.ghost = null;
  const { undo, redo } = editor.history.names;
  for (const [id, name] of [["undo", undo], ["redo", redo]]) {
    at(id).disabled = name === null;
    at(id).title = (id === "undo" ? "Undo" : "Redo") + (name ? ": " + name : "");
  }
  for (const button of at("tools").children) button.setAttribute("aria-pressed", button.dataset.tool === editor.tool);
  canvas.dataset.cursor = TOOLS[editor.tool].cursor;
  at("hint").textContent = TOOLS[editor.tool].hint;
  at("count").textContent = count(editor.plan);
  if (at("name") !== document.activeElement) at("name").value = editor.plan.name;
  showSaved();
  paintSoon();
});
let hasBegun = false;
function showSaved() {
  const version = files.house ? "version " + files.house.version : null;
  at("saved").textContent = files.isSaved && version ? version + ", saved" : version ? "changed since " + version : "not saved yet";
  at("saved").dataset.saved = files.isSaved && version !== null;
  // What was kept before is read first.
  if (!hasBegun) return;
  const house = files.house?.id ?? null;
  if (files.isSaved) draft.keep(house, null);
  else draft.keep(house, () => ({ plan: write(editor.plan), house: files.house }));
}

at("name").addEventListener("input", () => editor.change({ ...editor.plan, name: at("name").value }, "Name the house", "name"));
at("name").addEventListener("change", () => editor.history.settle());
at("undo").addEventListener("click", () => editor.history.undo());
at("redo").addEventListener("click", () => editor.history.redo());
for (const [id, factor] of [["closer", 1.4], ["farther", 1 / 1.4]]) at(id).addEventListener("click", () => { editor.view.zoom(factor); editor.redraw(); });
at("fit").addEventListener("click", () => editor.fit());
at("heat").addEventListener("click", () => {
  editor.heat = !editor.heat;
  at("heat").setAttribute("aria-pressed", editor.heat);
  paintSoon();
});
at("new").addEventListener("click", () => {
  if (!files.isSaved && !confirm("What is drawn is not saved. Begin another house all the same?")) return;
  files.house = null;
  const plan = empty("New house");
  files.savedPlan = plan;
  history.replaceState(null, "", location.pathname);
  editor.begin(plan);
  at("name").select();
});
for (const button of document.querySelectorAll("dialog .close")) button.addEventListener("click", () => button.closest("dialog").close());

// Keys: tools by their letter, history, and what is chosen.
const isWriting = (target) => target.closest("input, select, textarea, dialog");
addEventListener("keydown", (event) => {
  if (event.key === " " && event.target === canvas) { editor.panning = true; event.preventDefault(); return; }
  if (isWriting(event.target)) return;
  const command = event.ctrlKey || event.metaKey;
  const key = event.key.toLowerCase();
  if (command && key === "z") event.shiftKey ? editor.history.redo() : editor.history.undo();
  else if (command && key === "y") editor.history.redo();
  else if (command && key === "s") files.save();
  else if (command && key === "a" && event.target === canvas) editor.choose(editor.plan.sections.flatMap((section) => section.rows.flatMap((row) => row.seats.map((seat) => seat.id))));
  else if (command || event.altKey) return;
  else if ((key === "delete" || key === "backspace") && editor.chosen.size) editor.change(remove(editor.plan, editor.chosen), "Remove");
  else if (key === "escape") editor.choose([]);
  else if (key.startsWith("arrow") && event.target === canvas && editor.chosen.size) nudge(editor, event.key, event.shiftKey);
  else {
    const tool = Object.keys(TOOLS).find((name) => TOOLS[name].key === key);
    if (!tool) return;
    editor.use(tool);
  }
  event.preventDefault();
});
addEventListener("keyup", (event) => { if (event.key === " ") editor.panning = false; });
addEventListener("beforeunload", (event) => { if (!files.isSaved) event.preventDefault(); });

// What was drawn before, or the house in the address, or an empty one.
async function begin() {
  await keyReady();
  const wanted = location.hash.slice(1) || null;
  const before = draft.kept(wanted);
  hasBegun = true;
  if (before) {
    files.house = before.house;
    files.savedPlan = null;
    editor.begin(read(before.plan));
    say("This was drawn before and not saved. ", files.action("Throw it away", async () => {
      say("");
      draft.keep(wanted, null);
      if (before.house) await files.load(before.house.id); else at("new").click();
    }), files.action("Keep it", async () => say("")));
  } else if (wanted) {
    try { await files.load(wanted); } catch (refusal) { say(refusal.message); }
  }
}
editor.tell();
begin();
