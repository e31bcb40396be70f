// Prices: which tariffs a place has, from the zones of a showtime.

/** The tariffs that a buyer may choose for a category's places, the usual one first. Empty without prices. */
export function tariffsOf(prices, category) {
  const zones = prices?.zones ?? [];
  const zone = zones.find((one) => one.category === category && category !== undefined) ?? zones.find((one) => one.category === undefined);
  return (zone?.tariffs ?? []).filter((tariff) => !tariff.operatorsOnly).map((tariff) => ({ ...tariff, name: tariff.name ?? tariff.key }));
}

/** The lowest amount at which any place is sold, or null. */
export function lowest(prices) {
  const amounts = (prices?.zones ?? []).flatMap((zone) => zone.tariffs.filter((tariff) => !tariff.operatorsOnly).map(({ amount }) => amount));
  return amounts.length ? Math.min(...amounts) : null;
}
