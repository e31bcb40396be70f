// The server as the page sees it: requests that may be repeated, what its refusals mean, and its clock.

const MOST_ATTEMPTS = 4;
const LONGEST_WAIT_SECONDS = 5;

// Deadlines are the server's; the browser's own clock may be wrong by minutes. So the page learns the server's time from its answers and
// goes on by a clock that nobody sets.
let clock = null;
function learnTime(milliseconds) {
  clock = { server: milliseconds, seen: performance.now(), difference: Date.now() - performance.now() };
}
/** The server's time in milliseconds since 1970, or null before its first answer. */
export function serverNow() {
  return clock && clock.server + (performance.now() - clock.seen);
}
/** Asks for the server's time. */
export async function askTime(server = "") {
  try {
    learnDate(await fetch(server + "/livez", { cache: "no-store" }));
  } catch { /* The next answer tells it. */ }
}
/** True if the computer slept, or its clock was set, since the time was learnt: some clocks stand still in sleep. */
export function timeIsDoubtful() {
  return clock !== null && Math.abs(Date.now() - performance.now() - clock.difference) > 2000;
}
function learnDate(answer) {
  // Given in whole seconds, rounded down: taken as the end of that second, so that no countdown is too long.
  const date = Date.parse(answer.headers.get("Date")) + 1000;
  if (Number.isFinite(date) && (timeIsDoubtful() || clock === null || Math.abs(date - serverNow()) > 2000)) learnTime(date);
}
function learn(answer, data) {
  const deadline = Date.parse(data.expiresAt);
  if (Number.isFinite(data.expiresInSeconds) && Number.isFinite(deadline) && !data.replayed) {
    learnTime(deadline - data.expiresInSeconds * 1000);
  } else {
    learnDate(answer);
  }
}

/** A request that was not carried out, or of which that is not known (`unknown`). */
export class Refusal extends Error {
  constructor(status, problem, seconds, unknown) {
    super(meaning(status, problem, seconds, unknown));
    Object.assign(this, { status, problem, unknown, code: problem.code });
  }
}
function meaning(status, problem, seconds, unknown) {
  const later = seconds > 1 ? "Try again in " + seconds + " seconds." : "Try again in a moment.";
  if (status === 0) return "The server cannot be reached. " + (unknown ? "Whether it got the request is not known." : later);
  if (unknown) return "The server did not say in time whether it carried this out.";
  if (status === 429 && problem.code === "holds-without-sale") return problem.message || problem.detail;
  if (status === 429) return "Too many requests came from this connection. Nothing was changed. " + later;
  if (status === 503) return "The box office is busy or about to restart. Nothing was changed. " + later;
  if (status === 422) return "The server took this for another request of yours and changed nothing. Press the button again.";
  if (status === 413) return "That is more than the server takes at once.";
  return problem.detail || "The server answered " + status + ".";
}

export function uuid() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const text = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return text.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}

const pause = (milliseconds) => new Promise((go) => setTimeout(go, milliseconds));

/**
 * Sends a request, and again while that may help. With the same `key`, a command takes effect once, however often it is sent. `server` is
 * another server's origin; without it the request goes to the one that the page came from. What is sent is `body`, as JSON, or `file` as it is.
 * What comes is read `as` `json` or `blob`; with `whole`, its `headers` come besides the `data`. `attempts` bounds how often it is sent.
 */
export async function call(method, path, { body, file, token, key, headers: more, as = "json", whole = false, server = "", attempts = MOST_ATTEMPTS } = {}) {
  const headers = { ...more };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  if (token) headers.Authorization = "Bearer " + token;
  if (key) headers["Idempotency-Key"] = '"' + key + '"';
  const request = { method, headers, cache: "no-cache", body: file ?? (body === undefined ? undefined : JSON.stringify(body)) };
  // True once an attempt may have been carried out without our hearing of it.
  let doubt = false;
  const changes = method !== "GET";
  for (let attempt = 1; ; attempt += 1) {
    const again = attempt < attempts;
    let answer;
    let data;
    try {
      answer = await fetch(server + path, request);
      data = await (answer.ok ? answer[as]() : answer.json().catch(() => ({})));
    } catch {
      // No answer, or one that broke off.
      doubt = true;
      if (!again) throw new Refusal(0, {}, 0, changes);
      await pause(400 * attempt);
      continue;
    }
    if (method === "POST") learn(answer, data);
    if (answer.ok) return whole ? { data, headers: answer.headers } : data;
    const seconds = Number(answer.headers.get("Retry-After")) || 1;
    // Without a code it was a proxy that answered, and the server may have done its work.
    const unsaid = answer.status >= 500 && (!data.code || data.code === "outcome-unknown" || data.code === "internal-error");
    doubt ||= unsaid;
    if (again && [429, 502, 503, 504].includes(answer.status) && seconds <= LONGEST_WAIT_SECONDS) {
      await pause(seconds * 1000 * (1 + Math.random() / 2));
      continue;
    }
    // A refusal to try now says nothing of the attempt before.
    const unknown = unsaid || (doubt && [429, 502, 503, 504].includes(answer.status));
    throw new Refusal(answer.status, data, seconds, changes && unknown);
  }
}
