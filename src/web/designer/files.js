// Houses on the server: opened, saved as the next version, imported and exported in every format that the server converts.

import { element, fill } from "../lib/dom.js";
import { uuid } from "../lib/server.js";
import { ask, download, operator } from "../operator/key.js";
import * as draft from "./draft.js";
import { refused } from "./faults.js";
import { read, write } from "./plan.js";

const at = (id) => document.getElementById(id);
const path = (house, query = "") => "/api/auditoriums/" + encodeURIComponent(house.id) + query;

/** The house that is drawn: its id and version on the server, and the document that was saved last. */
export class Files {
  constructor(editor, checks, say) {
    Object.assign(this, { editor, checks, say, house: null, savedPlan: editor.plan });
    at("save").addEventListener("click", () => this.save());
    at("open").addEventListener("click", () => this.list());
    at("files").addEventListener("click", () => this.showFiles());
    at("more-houses").addEventListener("click", () => this.more());
    at("houses").addEventListener("click", (event) => this.chosen(event, at("open-dialog")));
    at("versions").addEventListener("click", (event) => this.chosen(event, at("files-dialog")));
    at("import-form").addEventListener("submit", (event) => { event.preventDefault(); this.import(); });
    for (const button of document.querySelectorAll("[data-export]")) button.addEventListener("click", () => this.export(button.dataset.export));
  }

  get isSaved() {
    return this.editor.plan === this.savedPlan;
  }

  /** Opens a house; an older version is a draft of the next one. */
  async load(id, version) {
    const query = version ? "?version=" + version : "";
    const { data, headers } = await ask("GET", path({ id }, query));
    const plan = read(data);
    this.house = { id, version: Number(headers.get("ETag").replaceAll('"', "")) };
    this.savedPlan = plan;
    this.editor.refused = null;
    this.editor.begin(plan);
    history.replaceState(null, "", "#" + id);
    if (!version) return;
    const latest = await ask("GET", path({ id }));
    this.house.version = Number(latest.headers.get("ETag").replaceAll('"', ""));
    if (this.house.version !== version) this.savedPlan = null;
    this.editor.tell();
  }

  /** Saves what is drawn; true if it is there then. */
  save() {
    this.saving ??= this.saveOnce().finally(() => { this.saving = null; });
    return this.saving;
  }
  async saveOnce() {
    if (this.house && this.isSaved) return true;
    const [wrong] = this.checks.wrong;
    if (wrong) { this.say(wrong.words + " Then it can be saved."); return false; }
    const { plan } = this.editor;
    const { house } = this;
    // A press that is repeated because its answer was lost makes one house.
    if (this.key?.plan !== plan) this.key = { plan, key: uuid() };
    const request = this.house
      ? ["PUT", path(this.house), { body: write(plan), headers: { "If-Match": `"${this.house.version}"` } }]
      : ["POST", "/api/auditoriums", { body: write(plan), key: this.key.key }];
    try {
      const { data } = await operator(() => ask(...request));
      this.saved(house, data, plan);
      return true;
    } catch (refusal) {
      if (refusal.code === "version-changed" && await this.isThere(house, plan)) return true;
      if (house === this.house) this.refusedSave(refusal, plan);
      return false;
    }
  }
  /** What was drawn is the version of the answer. */
  saved(house, { id, version }, plan) {
    // Another house was opened meanwhile.
    if (house !== this.house) return;
    this.house = { id, version };
    if (!house) draft.keep(null, null);
    this.savedPlan = plan;
    this.editor.refused = null;
    history.replaceState(null, "", "#" + id);
    this.say("");
    this.editor.tell();
  }
  /** Whether the server has just this already: a save whose answer was lost, and that was sent again, is refused as that of an older version. */
  async isThere(house, plan) {
    try {
      const { data, headers } = await ask("GET", path(house));
      const isSame = JSON.stringify(write(read(data))) === JSON.stringify(write(plan));
      if (isSame) this.saved(house, { id: house.id, version: Number(headers.get("ETag").replaceAll('"', "")) }, plan);
      return isSame;
    } catch { return false; }
  }
  refusedSave(refusal, plan) {
    const errors = refusal.problem?.errors ?? [];
    if (refusal.code === "version-changed") {
      this.say("Somebody else has saved this house since you opened it. ",
        this.action("Open theirs, without what I changed", () => this.load(this.house.id)),
        this.action("Save mine as the next version", () => this.overwrite()));
    } else if (errors.length) {
      this.editor.refused = { plan, faults: refused(plan, errors) };
      this.checks.look();
      this.say("The server found what is wrong: " + this.editor.refused.faults[0].words);
    } else {
      this.say(refusal.message);
    }
  }
  action(textContent, then) {
    const button = element("button", { type: "button", textContent });
    button.addEventListener("click", () => then().catch((refusal) => this.say(refusal.message)));
    return button;
  }
  async overwrite() {
    const { headers } = await ask("GET", path(this.house));
    this.house = { ...this.house, version: Number(headers.get("ETag").replaceAll('"', "")) };
    this.savedPlan = null;
    await this.save();
  }

  async list() {
    fill(at("houses"));
    this.cursor = null;
    at("open-dialog").showModal();
    await this.more();
  }
  async more() {
    try {
      const query = this.cursor ? "&cursor=" + encodeURIComponent(this.cursor) : "";
      const { data } = await ask("GET", "/api/auditoriums?limit=50" + query);
      this.cursor = data.nextCursor;
      at("houses").append(...data.items.map((house) => houseLine(house)));
      if (!at("houses").children.length) at("houses").append(element("li", { className: "hint", textContent: "None was saved yet." }));
    } catch (refusal) {
      at("houses").append(element("li", { className: "hint", textContent: refusal.message }));
    }
    at("more-houses").hidden = !this.cursor;
  }
  async chosen(event, dialog) {
    const button = event.target.closest("button");
    if (!button) return;
    dialog.close();
    if (!this.isSaved && !confirm("What is drawn is not saved. Open the other one all the same?")) return;
    const { house, version } = button.dataset;
    try { await this.load(house, version ? Number(version) : undefined); } catch (refusal) { this.say(refusal.message); }
  }

  showFiles() {
    at("files-message").textContent = "";
    const versions = this.house ? Array.from({ length: Math.min(100, this.house.version) }, (_, place) => this.house.version - place) : [];
    fill(at("versions"), ...versions.map((version) => {
      const button = element("button", { type: "button", textContent: "Version " + version + (version === this.house.version ? ", the latest" : "") });
      Object.assign(button.dataset, { house: this.house.id, version });
      return element("li", {}, button);
    }));
    if (!versions.length) at("versions").append(element("li", { className: "hint", textContent: "It was not saved yet." }));
    for (const button of document.querySelectorAll("[data-export]")) button.disabled = !this.house;
    at("files-dialog").showModal();
  }
  async import() {
    const [file] = at("import-file").files;
    if (!this.isSaved && !confirm("What is drawn is not saved. Open the imported house all the same?")) return;
    // Sent again because its answer was lost, it makes one house.
    if (this.imported?.file !== file) this.imported = { file, key: uuid() };
    const format = at("import-format").value;
    const name = at("import-name").value.trim() || file.name.replace(/\.[^.]*$/, "");
    const query = "?format=" + format + (format === "csv" ? "&name=" + encodeURIComponent(name) : "");
    try {
      const sent = { file, key: this.imported.key, headers: { "Content-Type": format === "csv" ? "text/csv" : "application/json" } };
      const { data } = await operator(() => ask("POST", "/api/auditoriums" + query, sent));
      this.imported = null;
      at("files-dialog").close();
      await this.load(data.id);
    } catch (refusal) {
      if (!refusal.unknown) this.imported = null;
      const [first] = refusal.problem?.errors ?? [];
      at("files-message").textContent = refusal.message + (first ? " " + (first.pointer ?? first.parameter ?? "") + " " + first.detail : "");
    }
  }
  async export(format) {
    const name = this.editor.plan.name.replace(/[^\p{L}\p{N} _-]/gu, "") || "house";
    try {
      await download(path(this.house, "?format=" + format), name + (format === "csv" ? ".csv" : format === "pretix" ? ".pretix.json" : ".json"));
    } catch (refusal) {
      at("files-message").textContent = refusal.message;
    }
  }
}

function houseLine({ id, name, version, seats, places, updatedAt }) {
  const button = element("button", { type: "button" },
    element("strong", { textContent: name }),
    element("small", { textContent: `${places.toLocaleString("en")} places, ${seats.toLocaleString("en")} of them seats · version ${version} · ${new Date(updatedAt).toLocaleDateString()}` }));
  button.dataset.house = id;
  return element("li", {}, button);
}
