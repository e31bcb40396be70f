// Prices as operators write them: amounts in a currency's own digits, zones by category.

/** Digits after the point of a currency: 2 for EUR, 0 for JPY. */
export function digitsOf(currency) {
  try {
    return new Intl.NumberFormat("en", { style: "currency", currency }).resolvedOptions().maximumFractionDigits;
  } catch { return 2; }
}
/** An amount as it is written, such as `12`, `12.5` or `12,50`, in minor units; null if it is none, or may mean another, as `1,200` does. */
export function minor(text, digits) {
  const [, whole, part = ""] = /^(\d{1,9})(?:[.,](\d+))?$/.exec(String(text).trim()) ?? [];
  return whole === undefined || part.length > digits ? null : Number(whole + part.padEnd(digits, "0"));
}
/** True if a field has an amount, or nothing where none is needed; else the field says what is wrong with it. */
export function isAmount(field, digits, isNeeded) {
  const isWrong = (isNeeded || field.value.trim() !== "") && minor(field.value, digits) === null;
  const example = digits ? "12." + "5".padEnd(digits, "0") : "1200";
  field.setCustomValidity(isWrong ? `An amount such as ${example}, without a sign for thousands or the currency.` : "");
  // A form is not sent while a field of it is wrong: so what was wrong is forgotten as soon as something else is typed.
  field.addEventListener("input", () => field.setCustomValidity(""), { once: true });
  return field.reportValidity();
}
/** The lines to be priced: the categories that have places, and the places without one. */
export function categoriesOf(categories, counts) {
  const lines = categories.filter((category) => counts.get(category.key)).map(({ key, name }) => ({ key, name: name ?? key, count: counts.get(key) }));
  const rest = counts.get(null) ?? 0;
  if (rest || !lines.length) lines.push({ key: null, name: lines.length ? "all others" : "all places", count: rest });
  return lines;
}
/** The zones of lines with a full and a reduced price. */
export function priceZones(lines, digits) {
  return lines.map(({ category, full, reduced }) => {
    const tariffs = [{ key: "full", name: "Full price", amount: minor(full, digits) ?? 0 }];
    const less = minor(reduced, digits);
    if (less !== null) tariffs.push({ key: "reduced", name: "Reduced", amount: less });
    return category === null ? { tariffs } : { category, tariffs };
  });
}
