// The state of the server: its nodes, how far behind what follows it is, and what it refuses.

import { element, fill } from "../lib/dom.js";
import { lookAtNodes } from "./nodes.js";

const at = (id) => document.getElementById(id);
const PERIOD_MILLISECONDS = 2000;
/** Refusals that are told by their code; the others are summed up. */
const MOST = 12;

/** The numbers of a Prometheus text: by name, each with its labels. */
export function readMetrics(text) {
  const found = new Map();
  for (const line of text.split("\n")) {
    const parts = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)/.exec(line);
    if (!parts) continue;
    const labels = Object.fromEntries([...(parts[2] ?? "").matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].map(([, name, value]) => [name, value]));
    const name = parts[1].replace(/^turnstile_/, "");
    if (!found.has(name)) found.set(name, []);
    found.get(name).push({ labels, value: Number(parts[3]) });
  }
  return found;
}

/** Looks every two seconds while the panel is open. */
export function systemPanel() {
  let [timer, before] = [0, null];
  const isOpen = () => !at("panel-system").hidden && !document.hidden;
  const look = async () => {
    clearTimeout(timer);
    if (!isOpen()) return;
    const [metrics] = await Promise.allSettled([
      fetch("/metrics", { cache: "no-store" }).then((answer) => (answer.ok ? answer.text() : Promise.reject(answer.status))),
      lookAtNodes(),
    ]);
    const now = metrics.status === "fulfilled" ? { at: performance.now(), found: readMetrics(metrics.value) } : null;
    showRates(now, before);
    before = now ?? before;
    timer = setTimeout(look, PERIOD_MILLISECONDS);
  };
  at("tab-system").addEventListener("click", look);
  document.addEventListener("visibilitychange", look);
}

const only = (found, name) => found.get(name)?.[0]?.value;
/** The mean of what a histogram has measured between two looks, in milliseconds; null if nothing was. */
function mean(name, now, before) {
  const since = (part) => (only(now.found, name + part) ?? 0) - (before ? only(before.found, name + part) ?? 0 : 0);
  const count = since("_count");
  return count > 0 ? since("_sum") / count * 1000 : null;
}
function rate(value, earlier, now, before) {
  return before && now.at > before.at ? Math.max(0, value - earlier) / (now.at - before.at) * 1000 : null;
}
const perSecond = (value) => (value === null ? "…" : (value < 10 ? value.toFixed(1) : Math.round(value).toLocaleString()) + " a second");
const milliseconds = (value) => (value === null ? "nothing to measure" : value < 10 ? value.toFixed(1) + " ms" : Math.round(value) + " ms");

function showRates(now, before) {
  if (!now) {
    fill(at("rates"), element("dd", { textContent: "The metrics are served at the operators' own address only." }));
    fill(at("refusals"));
    return;
  }
  const counted = (name) => rate(only(now.found, name) ?? 0, before ? only(before.found, name) ?? 0 : 0, now, before);
  const lines = [
    ["Bookings accepted", perSecond(counted("bookings_accepted_total"))],
    ["Commands refused", perSecond(counted("commands_rejected_total"))],
    ["Commands waiting", String(only(now.found, "commands_waiting") ?? 0)],
    ["Outbox", `${only(now.found, "outbox_rows") ?? 0} commits, the oldest ${Math.round(only(now.found, "outbox_oldest_seconds") ?? 0)} s old`],
    ["Projection is behind by", milliseconds(mean("projection_lag_seconds", now, before))],
    ["Live feed is behind by", milliseconds(mean("live_lag_seconds", now, before))],
    ["Showtimes that are stuck", String(only(now.found, "showtimes_stuck") ?? 0)],
  ];
  fill(at("rates"), ...lines.flatMap(([name, value]) => [element("dt", { textContent: name }), element("dd", { textContent: value })]));
  const earlier = new Map((before?.found.get("problems_total") ?? []).map(({ labels, value }) => [labels.code, value]));
  const refusals = (now.found.get("problems_total") ?? []).filter(({ value }) => value > 0)
    .map(({ labels, value }) => ({ code: labels.code, value, rate: rate(value, earlier.get(labels.code) ?? 0, now, before) }))
    .sort((one, other) => other.value - one.value).slice(0, MOST);
  const cells = ({ code, value, rate: each }) => [element("th", { scope: "row" }, element("a", { href: "/problems/" + encodeURIComponent(code), textContent: code })),
    element("td", { className: "number", textContent: value.toLocaleString() }), element("td", { className: "number", textContent: perSecond(each) })];
  const heads = ["Code", "Since the start", "Now"].map((textContent, place) => element("th", { scope: "col", textContent, className: place ? "number" : "" }));
  fill(at("refusals"), refusals.length ? element("table", {}, element("thead", {}, element("tr", {}, ...heads)), element("tbody", {}, ...refusals.map((line) => element("tr", {}, ...cells(line)))))
    : element("p", { className: "hint", textContent: "Nothing was refused since the server started." }));
}
