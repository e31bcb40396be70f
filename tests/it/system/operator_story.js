// Run in a browser by the test of the board's story: names those that do not hold.
return import("/assets/operator/story.js").then(async ({ Story }) => {
  const broken = [];
  const same = (name, have, want) => {
    const [one, other] = [JSON.stringify(have), JSON.stringify(want)];
    if (one !== other) broken.push(`${name}: ${one} instead of ${other}`);
  };
  const id = (place) => "00000000-0000-4000-8000-0000" + place.toString(16).padStart(8, "0");
  const price = (...amounts) => ({ currency: "EUR", places: amounts.map((amount) => ({ amount })) });
  const events = [
    { type: "SeatsReserved", bookingId: "ada", userId: "ada", seatIds: [id(0), id(1)], price: price(300, 200), expiresAt: "2030-01-01T00:00:00Z" },
    { type: "SeatsBlocked", bookingId: "press", seatIds: [id(7), id(8), id(9)], block: { type: "press" } },
    { type: "BookingConfirmed", bookingId: "ada", seatIds: [id(0), id(1)], paymentReference: "p" },
    { type: "SeatsReserved", bookingId: "bob", userId: "bob", seatIds: [id(2)], price: price(100), expiresAt: "2030-01-01T00:00:00Z" },
    { type: "SeatsReleased", bookingId: "ada", seatIds: [id(1)] },
    { type: "BookingChanged", bookingId: "ada", confirmed: true, seatIds: [id(0), id(4)], price: price(300, 400) },
    { type: "SeatsReleased", bookingId: "press", seatIds: [id(8)] },
    { type: "HoldExpired", bookingId: "bob", seatIds: [id(2)] },
    { type: "BookingConfirmed", bookingId: "bob", seatIds: [id(2)], paymentReference: "late" },
    { type: "BookingCancelled", bookingId: "press", seatIds: [id(7), id(9)] },
    { type: "BookingCancelled", bookingId: "ada", seatIds: [id(0), id(4)] },
  ];
  // Who has what, counted anew after each event.
  const counted = ({ bookings }) => {
    const figures = { sold: 0, held: 0, blocked: 0, earned: 0 };
    for (const { status, isBlock, places } of bookings.values()) {
      if (status === "Confirmed") {
        figures.sold += places.size;
        for (const one of places.values()) figures.earned += one?.amount ?? 0;
      } else if (status === "Pending") figures[isBlock ? "blocked" : "held"] += places.size;
    }
    return figures;
  };
  const heard = [];
  const story = new Story("showtime", { placeOf: (id) => parseInt(id.slice(-8), 16) }, (news) => heard.push(news));
  events.forEach((event, place) => {
    const before = new Map(story.holders);
    story.apply({ sequence: place + 1, recordedAt: new Date(place * 1000).toISOString(), event });
    same("the figures after event " + place, story.figures, counted(story));
    const changed = [...Array(10).keys()].filter((one) => before.get(one) !== story.holders.get(one));
    same("places of event " + place + " are told", changed.filter((one) => !story.news.places.has(one)), []);
    same("blocks after event " + place, [...story.blocks.values()].map(({ id: block, places }) => [block, places.size]), place < 1 || place > 8 ? [] : [["press", place < 6 ? 3 : 2]]);
  });
  same("what all sales have come to", story.sales.map(({ places, amount }) => [places, amount]), [[2, 500], [1, 300], [2, 700], [3, 800], [1, 100]]);

  const quiet = () => new Promise((done) => setTimeout(done, 0));
  story.tellSoon();
  await quiet();
  same("after a quiet time the news are told at once", heard.length, 1);
  same("all of them", [[...heard[0].places].sort(), heard[0].blocks], [[0, 1, 2, 4, 7, 8, 9], true]);
  for (let again = 0; again < 50; again += 1) {
    story.apply({ sequence: 100 + again, recordedAt: "2026-01-01T00:00:00Z", event: { type: "HoldExtended", bookingId: "bob", expiresAt: "2030-01-02T00:00:00Z" } });
    story.tellSoon();
    await quiet();
  }
  const { toldAt } = story;
  await new Promise((done) => { story.on = (news) => { heard.push(news); done(); }; });
  same("a rush is told together", [heard.length <= 3, story.toldAt - toldAt >= 190, [...heard.at(-1).places], heard.at(-1).blocks], [true, true, [2], false]);
  story.end();
  return broken;
});
