// Offers: what may be taken instead of what was refused, each with one click.

import { money } from "../lib/format.js";

const MOST = 3;

/** What is wanted of each area, at whatever tariffs. */
function summed(areas) {
  const sums = new Map();
  for (const { areaId, quantity } of areas) sums.set(areaId, (sums.get(areaId) ?? 0) + quantity);
  return [...sums].map(([areaId, quantity]) => ({ areaId, quantity }));
}

/** Blocks of other seats, near to those that are taken. */
function otherSeats(map, blocks) {
  return blocks.map(({ seatIds, choice }) => ({ names: seatIds.map((id) => map.name(id)).join(", "), why: choice ?? "", seatIds, areas: [] }));
}

/** What is left of a full area, and other areas that have as many places: those of its price first, then the cheaper ones. */
function otherAreas(map, { seatIds = [], areas = [] }, { areaId: fullId, left }) {
  const wanted = summed(areas);
  const full = wanted.find((area) => area.areaId === fullId);
  if (!full) return [];
  const { model, states } = map;
  const tariff = (area) => map.tariffs(area.first)[0];
  const price = (area) => tariff(area)?.amount ?? 0;
  const own = price(model.areas.find((area) => area.label === full.areaId));
  const rest = wanted.filter((area) => area !== full);
  const besides = (areaId) => rest.find((area) => area.areaId === areaId)?.quantity ?? 0;
  const offer = (areaId, quantity, why) => {
    const all = [...rest.filter((area) => area.areaId !== areaId), { areaId, quantity: quantity + besides(areaId) }];
    return { names: [...seatIds.map((id) => map.name(id)), ...all.map((area) => area.quantity + " × " + area.areaId)].join(", "), why, seatIds, areas: all };
  };
  const others = model.areas.map((area, place) => ({ area, free: states.freeInArea(place) }))
    .filter(({ area, free }) => area.label !== full.areaId && free >= full.quantity + besides(area.label))
    .sort((one, other) => Math.abs(price(one.area) - own) - Math.abs(price(other.area) - own) || price(one.area) - price(other.area));
  const each = (area) => tariff(area) ? money(price(area), map.listing.prices.currency) + " each" : "";
  return [...(left ? [offer(full.areaId, left, "all that is left there")] : []), ...others.map(({ area }) => offer(area.label, full.quantity, each(area)))].slice(0, MOST);
}

/** Why places of an area were refused, in words; null if something else was. */
export function fullWords(map, { code, problem }, body) {
  const full = code === "too-few-places" ? summed(body?.areas ?? []).find(({ areaId }) => areaId === problem.areaId) : null;
  if (!full) return null;
  const left = problem.left ? "has only " + problem.left + (problem.left === 1 ? " place" : " places") + " left" : "is full";
  return full.areaId + " " + left + "; you wanted " + full.quantity + ". Nothing was reserved.";
}
/** The offers after a refusal of what `body` asked for: each has `names`, `why`, and what is chosen then, `seatIds` and `areas`. */
export function offersAfter(map, { code, problem }, body) {
  if (code === "too-few-places" && body) return otherAreas(map, body, problem);
  return otherSeats(map, problem?.alternatives ?? []);
}
