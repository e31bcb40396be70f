// Why requests were refused: looked up by the number that the customer was shown.

import { element, fill } from "../lib/dom.js";
import { moment } from "../lib/format.js";
import { carryOut } from "./board.js";
import { ask, operator } from "./key.js";

const at = (id) => document.getElementById(id);

export function refusedForm() {
  const form = at("refused-form");
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    fill(at("refused"));
    at("refused-said").textContent = "";
    carryOut(async () => {
      const { data } = await operator(() => ask("GET", "/api/refusals/" + form.elements.requestId.value.trim()));
      fill(at("refused"), ...data.items.map(line));
      at("refused-said").textContent = data.items.length === 1 ? "One request was refused." : data.items.length + " requests were refused.";
    });
  });
}
function line({ refusedAt, method, path, userId, bookingId, retryAfterSeconds, problem }) {
  const facts = [moment(refusedAt), `${method} ${path}`, bookingId && "booking " + bookingId, retryAfterSeconds && `to try again after ${retryAfterSeconds} s`];
  return element("li", {},
    element("p", { className: "who" }, element("strong", { textContent: problem.title }), userId && element("span", { textContent: userId })),
    element("p", { textContent: problem.detail }), element("small", { textContent: facts.filter(Boolean).join(" · ") }));
}
