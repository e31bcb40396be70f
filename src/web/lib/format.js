// How people read times, money and numbers.

/** A time by the clocks of a venue, if its zone is known here; else by those of this machine. */
function inZone(time, zone, form) {
  try {
    if (zone) return [new Date(time).toLocaleString([], { ...form, timeZone: zone }), zone];
  } catch {
    // This browser does not know the zone.
  }
  return [new Date(time).toLocaleString([], form), ""];
}

const withZone = ([text, zone]) => text + (zone ? " (" + zone.replaceAll("_", " ") + " time)" : "");

/** Date and time; the venue's zone is said if times are shown by it. */
export function moment(time, zone) {
  return withZone(inZone(time, zone, { dateStyle: "medium", timeStyle: "short" }));
}

/** The time of day alone, with the zone. */
export function timeOfDay(time, zone) {
  return withZone(inZone(time, zone, { timeStyle: "short" }));
}

/** The day alone, in words. */
export function day(time, zone) {
  return inZone(time, zone, { weekday: "long", day: "numeric", month: "long", year: "numeric" })[0];
}

/** Money in minor units. Currencies differ in how many of those make one of the whole. */
export function money(amount, currency) {
  try {
    const form = new Intl.NumberFormat([], { style: "currency", currency });
    return form.format(amount / 10 ** form.resolvedOptions().maximumFractionDigits);
  } catch {
    return amount + " " + currency;
  }
}

/** Minutes and seconds of a countdown. */
export function minutes(seconds) {
  const left = Math.max(0, Math.floor(seconds));
  return Math.floor(left / 60) + ":" + String(left % 60).padStart(2, "0");
}

/** A number of things, such as "1 seat", "12 seats". */
export function count(number, one, many = one + "s") {
  return number.toLocaleString() + " " + (number === 1 ? one : many);
}
