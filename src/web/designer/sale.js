// Opens the sale of the house that is drawn: a showtime with prices by category.

import { element, fill } from "../lib/dom.js";
import { uuid } from "../lib/server.js";
import { ask, operator } from "../operator/key.js";
import { placesByCategory } from "./plan.js";
import { categoriesOf, digitsOf, isAmount, priceZones } from "../operator/prices.js";

const at = (id) => document.getElementById(id);

/** The dialog; the house is saved first, since showtimes are made of saved versions. */
export function sale(editor, files, say) {
  const [dialog, form] = [at("sale-dialog"), at("sale-form")];
  let key = null;
  at("sell").addEventListener("click", async () => {
    if (!await files.save()) return;
    key = uuid();
    prepare(editor, form);
    dialog.showModal();
  });
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    at("sale-message").textContent = "";
    const digits = digitsOf(form.elements.currency.value.toUpperCase());
    if (![...at("prices").querySelectorAll("input")].every((field) => isAmount(field, digits, field.required))) return;
    try {
      const body = { ...terms(form.elements), auditoriumId: files.house.id, auditoriumVersion: files.house.version };
      const { data } = await operator(() => ask("POST", "/api/showtimes", { body, key }));
      done(form, data);
    } catch (refusal) {
      // What is wrong is made right and sent again: another request.
      if (!refusal.unknown) key = uuid();
      const errors = (refusal.problem?.errors ?? []).map((error) => (error.pointer ?? "").slice(1) + " " + error.detail).join("; ");
      at("sale-message").textContent = errors || refusal.message;
      say("");
    }
  });
}

function prepare(editor, form) {
  form.hidden = false;
  at("sale-done").hidden = true;
  at("sale-message").textContent = "";
  const fields = form.elements;
  if (!fields.timeZone.value) fields.timeZone.value = Intl.DateTimeFormat().resolvedOptions().timeZone;
  if (!at("time-zones").children.length) fill(at("time-zones"), ...(Intl.supportedValuesOf?.("timeZone") ?? []).map((value) => element("option", { value })));
  if (!fields.movieTitle.value) fields.movieTitle.focus();
  const zones = categoriesOf(editor.plan.categories, placesByCategory(editor.plan));
  fill(at("prices"), ...zones.map(({ key, name, count }) => {
    const price = (tariff, label) => {
      const input = element("input", { inputMode: "decimal", name: tariff, required: tariff === "full", placeholder: tariff === "full" ? "0.00" : "none" });
      input.setAttribute("aria-label", `${label}, ${name}`);
      return element("td", {}, input);
    };
    const line = element("tr", {}, element("th", { scope: "row", textContent: name }), element("td", { textContent: count.toLocaleString("en") }), price("full", "Full price"), price("reduced", "Reduced price"));
    if (key !== null) line.dataset.category = key;
    return line;
  }));
}

/** The showtime that the form describes. */
function terms(fields) {
  const body = { movieTitle: fields.movieTitle.value.trim(), startTime: fields.startTime.value, timeZone: fields.timeZone.value.trim() };
  if (fields.onSaleFrom.value) body.onSaleFrom = fields.onSaleFrom.value;
  if (fields.placesPerCustomer.value) body.placesPerCustomer = Number(fields.placesPerCustomer.value);
  if (fields.orphans.checked) body.orphans = "refuse";
  const currency = fields.currency.value.toUpperCase();
  const lines = [...at("prices").children].map((line) => ({
    category: line.dataset.category ?? null, full: line.querySelector("[name=full]").value, reduced: line.querySelector("[name=reduced]").value,
  }));
  body.prices = { currency, zones: priceZones(lines, digitsOf(currency)) };
  return body;
}
function done(form, { id, movieTitle, seats: places }) {
  form.hidden = true;
  const link = (href, textContent) => element("a", { href, textContent });
  fill(at("sale-done"), `The sale of ${movieTitle} is open: ${places.toLocaleString("en")} places. `,
    link("/showtimes/" + id, "See it as a buyer"), " · ", link("/operator#" + id, "Open it on the operator's board"));
  at("sale-done").hidden = false;
}
