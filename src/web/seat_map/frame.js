// The frame: what the element consists of in its shadow root, and the legend under the map.

import { element } from "../lib/dom.js";
import { money } from "../lib/format.js";
import sheet from "./styles.js";
import { colourOf } from "./palette.js";
import { tariffsOf } from "./prices.js";

/** Builds the shadow tree of a host. Each part that a host may style has its name as `part`. */
export function build(host) {
  const root = host.attachShadow({ mode: "open", delegatesFocus: false });
  root.adoptedStyleSheets = [sheet];
  const part = (tag, name, properties = {}, ...children) => {
    const made = element(tag, { className: name, ...properties }, ...children);
    made.part = name;
    return made;
  };
  const canvas = part("canvas", "map", { tabIndex: 0, aria: { label: "Seat map", roledescription: "seat map", describedby: "keys" } });
  canvas.setAttribute("role", "application");
  const control = (text, label, name) => part("button", name, { type: "button", ariaLabel: label, title: label }, text);
  const parts = { root, canvas, tip: part("div", "tip", { hidden: true, aria: { hidden: "true" } }), wait: part("p", "wait", {}, "Loading the seats…"),
    spoken: part("p", "spoken", { aria: { live: "polite" } }), whole: control("Whole house", "Show the whole house", "whole-button"),
    larger: control("+", "Larger", "larger"), smaller: control("−", "Smaller", "smaller"),
    toggle: control("List", "Seats as a list", "list-button"), list: part("div", "list", { hidden: true }), legend: part("ul", "legend", { ariaLabel: "Legend" }),
    areas: part("div", "areas", { hidden: true, ariaLabel: "Areas" }) };
  parts.spoken.setAttribute("role", "status");
  parts.areas.setAttribute("role", "group");
  parts.list.setAttribute("role", "group");
  parts.list.setAttribute("aria-label", "Seats as a list");
  parts.toggle.setAttribute("aria-expanded", "false");
  parts.controls = part("div", "controls", {}, parts.toggle, parts.whole, parts.smaller, parts.larger);
  parts.frame = part("div", "frame", {}, canvas, parts.wait, parts.tip, parts.controls);
  const keys = element("p", { className: "spoken", id: "keys" }, "Arrow keys move between seats, space or enter chooses one, plus and minus change the size, 0 shows the whole house.");
  root.append(parts.frame, parts.areas, parts.legend, parts.list, keys, parts.spoken);
  return parts;
}

/** The categories with their prices, and what the states look like. */
export function fillLegend(home, palette, house, prices, isReadonly) {
  const line = (look, text, price, colour) => {
    const swatch = element("span", { className: "swatch", data: { look } });
    if (colour && !palette.forced) swatch.style.background = colour;
    return element("li", {}, swatch, element("span", {}, text, price ? " " : "", price ? element("b", {}, price) : ""));
  };
  const priceOf = (key) => {
    const amounts = tariffsOf(prices, key).map(({ amount }) => amount);
    if (!amounts.length) return "";
    return (Math.min(...amounts) < Math.max(...amounts) ? "from " : "") + money(Math.min(...amounts), prices.currency);
  };
  const used = new Set(house.category);
  const lines = house.categories.map((category, place) => used.has(place) && line("free", category.name, priceOf(category.key), colourOf(palette, house.categories, place)));
  if (used.has(-1) || !house.categories.length) lines.push(line("free", house.categories.length ? "other seats" : "available", priceOf(undefined), palette.free));
  lines.push(!isReadonly && line("chosen", "chosen"), line("held", "reserved"), line("sold", "sold"), !isReadonly && line("mine", "yours"));
  home.replaceChildren(...lines.filter(Boolean));
}
