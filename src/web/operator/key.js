// The operators' key: asked for once, kept for this tab, and shown with every request of the operators' pages.

import { element } from "../lib/dom.js";
import { call } from "../lib/server.js";

const KEPT = "turnstile.operator.key";
/** Only operators are told that there is no such showtime; everybody else is asked for the key first. */
const PROBE = "/api/showtimes/00000000-0000-0000-0000-000000000000/blocks";

const ASK_AGAIN_MILLISECONDS = 2000;

let key = stored();
let asking = null;

function stored() {
  try { return sessionStorage.getItem(KEPT); } catch { return null; }
}
function keep(value) {
  key = value;
  try {
    if (value === null) sessionStorage.removeItem(KEPT); else sessionStorage.setItem(KEPT, value);
  } catch { /* This browser keeps nothing: the key lives as long as the page. */ }
}
/** Forgets the key in this tab. */
export function forget() {
  keep(null);
}

/** A request with the key: its `data` and `headers`. What is sent is `body` (JSON), or a `file` as it is. */
export function ask(method, path, options = {}) {
  return call(method, path, { ...options, token: key ?? undefined, whole: true });
}
/** A request that only operators may make: whoever is none is asked for the key, and it is made again. */
export async function operator(request) {
  try {
    return await request();
  } catch (refusal) {
    if (refusal.status !== 401 && refusal.status !== 403) throw refusal;
  }
  await keyReady();
  return request();
}

/** Resolves once the server takes this page for an operator's. */
export function keyReady() {
  asking ??= unlock().finally(() => { asking = null; });
  return asking;
}
async function unlock() {
  let said = null;
  for (;;) {
    const answer = await isTaken();
    if (answer.taken) return;
    // The server did not say: that is nothing against the key.
    if (key !== null && !answer.known) { await new Promise((again) => setTimeout(again, ASK_AGAIN_MILLISECONDS)); continue; }
    const wrong = key !== null && answer.known;
    if (wrong) keep(null);
    said = answer.words ?? (wrong ? "This is not the operators' key." : null);
    keep(await dialogue(said));
  }
}
/** Whether the key is the right one; `words` if the server did not say. */
async function isTaken() {
  try {
    await ask("GET", PROBE);
    return { taken: true };
  } catch (refusal) {
    if (refusal.status === 404) return { taken: true };
    if (refusal.status === 401 || refusal.status === 403) return { taken: false, known: true };
    return { taken: false, known: false, words: refusal.message };
  }
}

/** Asks for the key, with what was wrong before. */
function dialogue(said) {
  return new Promise((resolve) => {
    const input = element("input", { type: "password", id: "operator-key", autocomplete: "current-password", required: true });
    const words = element("p", { className: "message", id: "operator-key-said", textContent: said ?? "" });
    words.setAttribute("role", "alert");
    input.setAttribute("aria-describedby", "operator-key-said");
    const form = element("form", { method: "dialog" },
      element("h2", { id: "operator-key-title", textContent: "For operators" }),
      element("p", { className: "hint", textContent: "The server prints its key when it first starts, and keeps it in operator.key in its data folder; or it was set as TURNSTILE_OPERATOR_TOKEN." }),
      element("label", { htmlFor: "operator-key", textContent: "Operators' key" }), input, words,
      element("p", { className: "buttons" }, element("button", { className: "main", textContent: "Open" })));
    const dialog = element("dialog", { className: "key" }, form);
    dialog.setAttribute("aria-labelledby", "operator-key-title");
    // Without the key there is nothing behind the dialog.
    dialog.addEventListener("cancel", (event) => event.preventDefault());
    // A browser closes it all the same when Escape is pressed twice.
    dialog.addEventListener("close", () => { if (dialog.isConnected) dialog.showModal(); });
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      dialog.remove();
      resolve(input.value.trim());
    });
    document.body.append(dialog);
    dialog.showModal();
    input.focus();
  });
}

/** Saves what a path answers under a file name. */
export async function download(path, name) {
  const { data } = await operator(() => call("GET", path, { token: key ?? undefined, whole: true, as: "blob" }));
  const address = URL.createObjectURL(data);
  const link = element("a", { href: address, download: name });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(address), 60000);
}
