// Run in a browser by the test of the board's system panel: names the words about nodes that do not hold.
return import("/assets/operator/nodes.js").then(({ described, summary }) => {
  const broken = [];
  const same = (name, have, want) => {
    const [one, other] = [JSON.stringify(have), JSON.stringify(want)];
    if (one !== other) broken.push(`${name}: ${one} instead of ${other}`);
  };
  const now = Date.parse("2030-01-01T12:00:00Z");
  const node = (status, more = {}) => ({ nodeId: "1", host: "box", address: "10.0.0.1:5000", version: "1.4.0", startedAt: "2030-01-01T08:00:00Z",
    heardAt: "2030-01-01T11:59:20Z", status, dependencies: {}, ...more });
  const silent = node("silent");

  same("no node", summary([]), "No node has been heard of yet.");
  same("one node", summary([node("ready")]), "1 node: ready.");
  same("several nodes", summary([node("ready"), node("down"), node("ready")]), "3 nodes: 2 ready, 1 down.");
  same("different versions", summary([node("ready"), node("ready", { version: "1.5.0" }), node("draining")]),
    "3 nodes: 2 ready, 1 draining. Different versions run together: 1.4.0 on 2 nodes, 1.5.0 on 1 node.");
  same("a silent node runs no version", summary([node("ready", { version: "1.5.0" }), silent]), "2 nodes: 1 ready, 1 silent.");

  const meanings = ["ready", "degraded", "down", "draining", "silent"].map((status) => described(node(status), now).meaning);
  same("what states mean", meanings, ["", "It sells on.", "It sells nothing.", "It is about to stop.", "Nothing heard for 40 s. It said last:"]);
  const ages = [0, 119, 120, 7199, 7200].map((seconds) => described(silent, Date.parse(silent.heardAt) + seconds * 1000).meaning.slice(18, -15));
  same("how long a node is silent", ages, ["0 s", "119 s", "2 min", "120 min", "2 h"]);
  const shown = described(node("down", { dependencies: { postgres: { status: "down", required: true }, readModel: { status: "ok", required: false },
    showtimes: { status: "degraded", required: false, detail: "one is stuck" } } }), now);
  same("what fails", shown.fails, ["postgres is down, and needed to sell", "showtimes is degraded: one is stuck"]);
  same("what does not", shown.fine, "ok: read model");
  const old = described(node("ready"), now, "12:00");
  same("an old list", [old.badge, old.isOld, old.meaning], ["was ready at 12:00", true, ""]);
  return broken;
});
