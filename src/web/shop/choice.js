// The choice: what is chosen on the map, place by place, with tariffs, prices and the sum; or a booking whose seats are being changed.

import { byId, button, element, fill, say } from "../lib/dom.js";
import { count, money } from "../lib/format.js";

export class Choice {
  /** `changed` is called when something else is chosen. */
  constructor(map, changed) {
    Object.assign(this, { map, changed, tariffs: new Map(), editing: null, given: new Set() });
  }

  /** One for each seat, by its id, and for each area; for each place of an area, if it may be had at several tariffs. Each has its `quantity`. */
  places() {
    const seats = this.map.chosen.map((id) => ({ key: id, seat: this.map.seat(id), quantity: 1 }));
    const areas = this.map.areas.flatMap(({ areaId, quantity }) => {
      const { first } = this.map.model.areas.find((area) => area.label === areaId);
      const seat = this.map.seat(this.map.model.id(first));
      if (seat.tariffs.length < 2) return [{ key: areaId, area: areaId, seat, quantity }];
      return Array.from({ length: quantity }, (_, place) => ({ key: areaId + "#" + place, area: areaId, seat, quantity: 1 }));
    });
    return [...seats, ...areas];
  }
  get size() { return this.places().reduce((sum, { quantity }) => sum + quantity, 0); }
  amount(place) { return (this.tariff(place)?.amount ?? 0) * place.quantity; }
  tariff(place) {
    // A booking that was made without prices has none.
    if (this.editing && !this.editing.price) return undefined;
    const all = place.seat.tariffs;
    return all.find(({ key }) => key === this.tariffs.get(place.key)) ?? all[0];
  }
  names() {
    const areas = this.map.areas.map(({ areaId, quantity }) => quantity + " × " + areaId);
    return [...this.map.chosen.map((id) => this.map.name(id)), ...areas].join(", ");
  }

  /** What a reservation asks for. */
  body() {
    const places = this.places();
    const seats = places.filter((place) => !place.area);
    const chosen = seats.map((place) => this.tariff(place)?.key);
    const groups = new Map();
    for (const place of places.filter((one) => one.area)) {
      const tariff = this.tariff(place)?.key;
      const group = groups.get(place.area + "\n" + tariff) ?? { areaId: place.area, quantity: 0, ...(tariff !== undefined && { tariff }) };
      group.quantity += place.quantity;
      groups.set(place.area + "\n" + tariff, group);
    }
    return { ...(seats.length && { seatIds: seats.map((place) => place.key) }), ...(chosen.length && chosen.every((key) => key !== undefined) && { tariffs: chosen }),
      ...(groups.size && { areas: [...groups.values()] }) };
  }

  /** Changes a booking's seats: those on the map besides, and its own that are given back. */
  edit(booking) {
    this.editing = booking;
    this.given.clear();
    this.map.clear();
  }
  give(id) {
    if (!this.editing?.seatIds.includes(id)) return false;
    if (!this.given.delete(id)) this.given.add(id);
    this.show();
    return true;
  }
  /** Of areas the server is told how many places the booking is to have then: those that it keeps at the same tariff, and those besides. */
  exchange() {
    const { seatIds: add, tariffs, areas } = this.body();
    const kept = this.editing.seatIds.filter((id) => !this.given.has(id)).map((id) => ({ area: this.map.seat(id)?.area, tariff: this.keptPrice(id)?.tariff }));
    const total = (wanted) => kept.filter(({ area, tariff }) => area === wanted.areaId && (!wanted.tariff || tariff === wanted.tariff)).length + wanted.quantity;
    return { ...(add && { add }), ...(tariffs && { tariffs }), ...(this.given.size && { remove: [...this.given] }),
      ...(areas && { areas: areas.map((wanted) => ({ ...wanted, quantity: total(wanted) })) }) };
  }
  keptPrice(id) {
    return this.editing.price?.places.find(({ seatId }) => seatId === id);
  }

  show() {
    const places = this.places();
    const { editing } = this;
    const currency = this.map.listing.prices?.currency;
    say(byId("yours"), editing ? "Change your seats" : "Your seats");
    const kept = editing ? editing.seatIds.map((id) => this.keptLine(id)) : [];
    fill(byId("lines"), ...kept, ...places.map((place) => this.line(place, currency)));
    const hint = editing ? "Choose other seats on the map, and give back those that you do not want." : "Choose seats on the map.";
    say(byId("chosen"), places.length && !editing ? "" : hint);
    const sum = places.reduce((total, place) => total + this.amount(place), 0) + this.keptAmount();
    byId("sum").hidden = !currency || !(places.length + kept.length);
    if (currency) say(byId("total"), money(sum, currency));
    byId("user-field").hidden = Boolean(editing);
    return { places, sum, currency };
  }
  keptAmount() {
    const prices = this.editing?.price?.places ?? [];
    return prices.filter(({ seatId }) => !this.given.has(seatId)).reduce((sum, { amount }) => sum + amount, 0);
  }
  keptLine(id) {
    const given = this.given.has(id);
    const price = this.keptPrice(id);
    const name = this.map.name(id);
    const back = button(given ? "↺" : "×", () => { this.give(id); this.changed(); }, { ariaLabel: (given ? "Keep " : "Give back ") + name });
    return element("li", { data: { given: String(given), place: id } }, element("span", { className: "name" }, name),
      element("span", { className: "amount" }, price ? money(price.amount, this.editing.price.currency) : ""), back);
  }
  line(place, currency) {
    const { seat, area, key, quantity } = place;
    const name = area ? (quantity > 1 ? quantity + " × " : "") + area : seat.name;
    const tariff = this.tariff(place);
    const each = quantity > 1 && tariff ? money(tariff.amount, currency) + " each" : "";
    const detail = [seat.category?.name, each, { wheelchair: "wheelchair place", companion: "companion’s seat", restrictedView: "restricted view" }[seat.kind], seat.note]
      .filter(Boolean).join(" · ");
    const amount = element("span", { className: "amount" }, tariff ? money(this.amount(place), currency) : "");
    const away = button("×", () => this.drop(place), { ariaLabel: "Remove " + name });
    const line = element("li", { data: { place: key } }, element("span", { className: "name" }, (this.editing ? "+ " : "") + name, detail ? element("small", {}, detail) : ""), amount, away);
    if (tariff && seat.tariffs.length > 1) {
      const select = element("select", { ariaLabel: "Tariff of " + name }, ...seat.tariffs.map((one) =>
        element("option", { value: one.key, selected: one === tariff }, one.name + ", " + money(one.amount, currency))));
      select.addEventListener("change", () => { this.tariffs.set(key, select.value); this.changed(); });
      line.append(select);
    }
    return line;
  }
  drop(place) {
    const { map } = this;
    if (place.area) map.want(place.area, map.states.wantedOf(place.area) - place.quantity);
    else map.unchoose([place.key]);
  }
}

/** What the button says that holds, or changes. */
export function holdText(choice) {
  if (choice.editing) return "Change seats";
  const { size } = choice;
  return size ? "Hold " + count(size, choice.map.areas.length ? "place" : "seat") : "Hold";
}
