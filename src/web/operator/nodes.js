// The nodes: which run, in which version and since when, how each is, and what fails on it.

import { element, fill, say } from "../lib/dom.js";
import { count, moment } from "../lib/format.js";
import { askTime, serverNow, timeIsDoubtful } from "../lib/server.js";
import { ask, operator } from "./key.js";

const at = (id) => document.getElementById(id);
/** What a state means for the sale. */
const MEANINGS = { degraded: "It sells on.", down: "It sells nothing.", draining: "It is about to stop." };
/** Colours of badges, which say the state in words, too. */
const COLOURS = { ready: "Confirmed", degraded: "Pending", draining: "Pending" };

/** The list that was read last, and when by the server's clock. */
let last = { items: [], readAt: null };
/** The lines of the list, by the node's id: a line changes only if its node does, so that nobody who reads it is interrupted. */
const lines = new Map();

/** Reads the list of nodes and shows it. If it cannot be read, the last one stays and is called old, below the node that answers here. */
export async function lookAtNodes() {
  try {
    const { data } = await operator(() => ask("GET", "/api/nodes", { attempts: 1 }));
    if (serverNow() === null || timeIsDoubtful()) await askTime();
    last = { items: data.items, readAt: serverNow() ?? Date.now() };
    say(at("nodes-said"), summary(data.items));
    show(data.items.map((node) => described(node, last.readAt)));
  } catch (refusal) {
    const old = last.readAt === null ? null : new Date(last.readAt).toLocaleTimeString();
    const reason = refusal.status === 0 ? "the server cannot be reached" : (refusal.problem.detail ?? refusal.message).replace(/\.$/, "");
    say(at("nodes-said"), `The list of nodes cannot be read: ${reason}.` + (old ? ` Below is how it was at ${old}.` : ""));
    const here = await answering();
    show([...here, ...last.items.map((node) => described(node, last.readAt, old))]);
  }
}
/** The node that answers this page: none if it does not answer either. */
async function answering() {
  try {
    const report = await (await fetch("/readyz", { cache: "no-store" })).json();
    return [described({ nodeId: "here", host: "The node that answers here", dependencies: {}, ...report }, null)];
  } catch {
    return [];
  }
}

const list = (words) => words.join(", ");
const counts = (values) => values.reduce((found, value) => found.set(value, (found.get(value) ?? 0) + 1), new Map());
/** How many nodes there are in which state, and which versions run beside each other if there are several. */
export function summary(items) {
  if (!items.length) return "No node has been heard of yet.";
  const states = list([...counts(items.map(({ status }) => status))].map(([status, nodes]) => (items.length === 1 ? status : nodes + " " + status)));
  // A silent node may run no more.
  const found = [...counts(items.filter(({ status }) => status !== "silent").map(({ version }) => version))];
  const versions = list(found.map(([version, nodes]) => `${version} on ${count(nodes, "node")}`));
  return `${count(items.length, "node")}: ${states}.` + (found.length > 1 ? ` Different versions run together: ${versions}.` : "");
}

/** A duration in its largest unit. */
function age(seconds) {
  if (seconds < 120) return Math.max(0, Math.round(seconds)) + " s";
  return seconds < 7200 ? Math.round(seconds / 60) + " min" : Math.round(seconds / 3600) + " h";
}
/** What is shown of a node, in words. `now` is when the list was read by the server's clock, `old` the same as text if the list is not the newest. */
export function described({ nodeId, host, address, version, startedAt, heardAt, status, dependencies }, now, old = null) {
  const named = Object.entries(dependencies).map(([name, one]) => ({ ...one, name: name.replace(/[A-Z]/g, (letter) => " " + letter.toLowerCase()) }));
  const heard = status === "silent" && `Nothing heard for ${age((now - Date.parse(heardAt)) / 1000)}. It said last:`;
  const fine = list(named.filter((one) => one.status === "ok").map(({ name }) => name));
  return {
    nodeId, name: host, status, badge: old ? `was ${status} at ${old}` : status, isOld: old !== null, meaning: old ? "" : heard || (MEANINGS[status] ?? ""),
    facts: [address, version && "version " + version, startedAt && "started " + moment(startedAt)].filter(Boolean).join(" · "),
    fails: named.filter((one) => one.status !== "ok")
      .map(({ name, status: standing, required, detail }) => `${name} is ${standing}` + (required ? ", and needed to sell" : "") + (detail ? ": " + detail : "")),
    fine: fine && "ok: " + fine,
  };
}

function show(nodes) {
  const wanted = nodes.map((node) => {
    const said = JSON.stringify(node);
    const line = lines.get(node.nodeId) ?? { said: "", part: element("li", { data: { node: node.nodeId } }) };
    if (line.said !== said) fill(line.part, ...parts(node));
    line.part.dataset.old = node.isOld;
    lines.set(node.nodeId, { ...line, said });
    return line.part;
  });
  for (const [nodeId, { part }] of lines) if (!wanted.includes(part)) lines.delete(nodeId);
  const there = at("nodes").children;
  if (there.length !== wanted.length || wanted.some((part, place) => part !== there[place])) fill(at("nodes"), ...wanted);
}
function parts({ nodeId, name, status, badge, meaning, facts, fails, fine }) {
  const small = (textContent) => textContent && element("small", { textContent });
  return [
    element("strong", { textContent: name }),
    element("span", { className: "badge", textContent: badge, data: { status: COLOURS[status] ?? "Cancelled" } }),
    small(facts), nodeId === "here" ? null : small("node " + nodeId), meaning && element("p", { textContent: meaning }),
    fails.length ? element("ul", { ariaLabel: "What fails on " + name }, ...fails.map((textContent) => element("li", { textContent }))) : null,
    small(fine),
  ];
}
