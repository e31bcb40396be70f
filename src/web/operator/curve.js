// The sales curve: places sold over time, as a line in SVG.

const [WIDTH, HEIGHT, LEFT, BOTTOM] = [600, 190, 44, 24];
/** Points that are drawn: more are thinner than a pixel. */
const MOST = 400;

/**
 * Fills a drawing (an SVG element) with sales in order of time, each `{at, places, amount}`: what all until then have come to. `time` and `money`
 * give the words.
 */
export function curve(drawing, sales, { time, money, size }) {
  const svg = (tag, attributes, text) => {
    const made = document.createElementNS(drawing.namespaceURI, tag);
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    if (text !== undefined) made.textContent = text;
    return made;
  };
  drawing.setAttribute("viewBox", `0 0 ${WIDTH} ${HEIGHT}`);
  const last = sales.at(-1);
  const words = last ? `${last.places} of ${size} places sold, ${money(last.amount)}, from ${time(sales[0].at)} to ${time(last.at)}` : "Nothing is sold yet.";
  drawing.replaceChildren(svg("title", {}, words));
  if (!last) {
    drawing.append(svg("text", { x: WIDTH / 2, y: HEIGHT / 2, "text-anchor": "middle", class: "axis" }, words));
    return;
  }
  const [from, to] = [sales[0].at, Math.max(last.at, sales[0].at + 60000)];
  const step = Math.ceil(sales.length / MOST);
  const points = [];
  for (let place = 0; place < sales.length - 1; place += step) points.push(sales[place]);
  points.push(last);
  const most = points.reduce((largest, point) => Math.max(largest, point.places), 1);
  const x = (at) => LEFT + (at - from) / (to - from) * (WIDTH - LEFT - 10);
  const y = (count) => HEIGHT - BOTTOM - count / most * (HEIGHT - BOTTOM - 12);
  // What is sold stays so until the next sale: steps, not slopes.
  let path = `M${x(from)} ${y(0)}`;
  for (const { at, places: count } of points) path += `H${x(at).toFixed(1)}V${y(count).toFixed(1)}`;
  path += `H${x(to)}`;
  for (const count of [0, most / 2, most]) {
    drawing.append(svg("line", { x1: LEFT, x2: WIDTH - 10, y1: y(count), y2: y(count), class: "grid" }));
    drawing.append(svg("text", { x: LEFT - 6, y: y(count) + 4, "text-anchor": "end", class: "axis" }, String(Math.round(count))));
  }
  drawing.append(svg("path", { d: path + `V${y(0)}H${x(from)}Z`, class: "under" }), svg("path", { d: path, class: "line" }));
  drawing.append(svg("text", { x: LEFT, y: HEIGHT - 6, class: "axis" }, time(from)));
  drawing.append(svg("text", { x: WIDTH - 10, y: HEIGHT - 6, "text-anchor": "end", class: "axis" }, time(to)));
}
