// The house of a showtime as operators need it: besides what the map knows of it, names of many places together, and what a place may cost.

import { House as Drawn } from "../seat_map/house.js";
import { moment, money } from "../lib/format.js";

/** Made from a layout, and the terms as they are by now. */
export class House extends Drawn {
  constructor(layout) {
    super(layout);
    this.version = layout.auditorium?.version;
    this.terms(layout);
  }
  /** Other prices, or another time zone. */
  terms({ prices, timeZone }) {
    Object.assign(this, { zones: prices?.zones ?? [], currency: prices?.currency ?? null, timeZone });
  }

  /** The tariffs that a place is sold at, those for operators only, too. */
  tariffs(place) {
    const category = this.categories[this.category[place]]?.key;
    const zone = this.zones.find((one) => one.category !== undefined && one.category === category) ?? this.zones.find((one) => one.category === undefined);
    return zone?.tariffs ?? [];
  }
  /** What many places are called: neighbours as `A3–A7`, places of an area counted. */
  names(places, most = 12) {
    const all = [...places].sort((one, other) => one - other);
    const sorted = all.filter((place) => place < this.count);
    // Of bookings that are over, when the house was rebuilt since.
    const parts = all.length > sorted.length ? [`${all.length - sorted.length} × no longer there`] : [];
    for (let at = 0; at < sorted.length;) {
      const end = this.stretch(sorted, at);
      const area = this.isSeat(sorted[at]) ? null : this.areaOf(sorted[at]);
      if (area) parts.push(`${end - at + 1} × ${area.label}`);
      else parts.push(this.name(sorted[at]) + (end > at ? "–" + this.rowOf(sorted[end]).label + this.label(sorted[end]) : ""));
      at = end + 1;
    }
    return parts.length > most ? `${parts.slice(0, most).join(", ")} and ${parts.length - most} more stretches` : parts.join(", ");
  }
  name(place) { return place < this.count ? super.name(place) : "a seat that is no longer there"; }
  /** The same for seats by their ids. */
  namesOf(ids) {
    return this.names(ids.map((id) => this.order.placeOf(id)));
  }
  /** The last of the places from `at` on that are named together. */
  stretch(sorted, at) {
    const first = sorted[at];
    const isSeat = this.isSeat(first);
    const home = isSeat ? this.rowOf(first) : this.areaOf(first);
    const until = home.first + (isSeat ? home.seats : home.capacity);
    let end = at;
    while (end + 1 < sorted.length && sorted[end + 1] < until && (!isSeat || sorted[end + 1] === sorted[end] + 1)) end += 1;
    return end;
  }

  money(amount) {
    return this.currency ? money(amount, this.currency) : String(amount);
  }
  /** A time by the venue's clocks; `style` is for times of which the zone need not be said. */
  time(text, style) {
    if (!style) return moment(text, this.timeZone);
    try {
      return new Date(text).toLocaleString([], { ...style, timeZone: this.timeZone });
    } catch { return new Date(text).toLocaleString([], style); }
  }
}
