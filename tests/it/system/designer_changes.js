// Run in a browser by the test of the designer's changes: names those that do not hold.
const load = (name) => import("/assets/designer/" + name + ".js");
return Promise.all(["plan", "commands", "rows", "numbering", "faults", "history", "score", "layer"].map(load)).then(([plan, commands, rows, numbering, faults, history, score, layers]) => {
  const broken = [];
  const same = (name, have, want) => {
    const [one, other] = [JSON.stringify(have), JSON.stringify(want)];
    if (one !== other) broken.push(`${name}: ${one} instead of ${other}`);
  };
  const labels = (row) => row.seats.map((seat) => seat.label).join(" ");
  const places = (row) => row.seats.map((seat) => [Math.round(seat.x), Math.round(seat.y)]);
  const words = (document) => faults.faults(document).map((fault) => fault.words);

  same("even from the right", numbering.seatLabels(3, { style: "even", from: "right" }), ["6", "4", "2"]);
  same("odd from an even number", numbering.seatLabels(2, { style: "odd", first: 4 }), ["5", "7"]);
  same("letters beyond Z", numbering.seatLabels(3, { style: "letters", first: 26 }), ["Z", "AA", "AB"]);
  same("rows without I and O", numbering.rowLabels(3, { first: "H", skip: "IO" }), ["H", "J", "K"]);
  same("rows by number", numbering.rowLabels(2, { first: "12" }), ["12", "13"]);

  const wish = { rows: 2, seats: 4, growth: 2, firstRow: "A", curve: 40, aisleAfter: [2], x: 100, y: 0 };
  const empty = plan.empty("House");
  const first = commands.addRows(empty, "Stalls", rows.makeRows(wish));
  const [front, back] = first.sections[0].rows;
  same("an aisle in the middle", front.seats.map((seat) => seat.adjacency), [1, 2, 4, 5]);
  same("aisles stay in line in longer rows", back.seats.map((seat) => seat.adjacency), [1, 2, 3, 5, 6, 7]);
  same("a curve brings the ends nearer to the stage", places(front), [[0, -40], [50, -10], [150, -10], [200, -40]]);
  same("the empty house is still empty", empty.sections.length, 0);

  const seat = (at) => front.seats[at];
  const closed = commands.aisle(first, seat(1).id, false);
  same("an aisle is closed", closed.sections[0].rows[0].seats.map((one) => one.adjacency), [1, 2, 3, 4]);
  same("and opened again", places(commands.aisle(closed, seat(1).id, true).sections[0].rows[0]).map(([x]) => x), [0, 50, 150, 200]);
  const removed = commands.remove(first, new Set([seat(1).id]));
  same("a seat that is gone leaves a gap", removed.sections[0].rows[0].seats.map((one) => one.adjacency), [1, 4, 5]);
  same("a section without rows goes", commands.remove(first, new Set([...plan.seats(first)].map((one) => one.id))).sections.length, 0);
  const numbered = commands.renumber(first, new Set([front.id]), { style: "odd", from: "right" });
  same("only the chosen rows are numbered", [labels(numbered.sections[0].rows[0]), labels(numbered.sections[0].rows[1])], ["7 5 3 1", "1 2 3 4 5 6"]);
  same("rows are labelled in order", commands.relabel(first, new Set([front.id, back.id]), { first: "K" }).sections[0].rows.map((row) => row.label), ["K", "L"]);
  const turned = commands.turn(first, new Set(front.seats.map((one) => one.id)), 180);
  same("half a turn", places(turned.sections[0].rows[0]), [[200, -10], [150, -40], [50, -40], [0, -10]]);
  const mirrored = commands.copyRows(first, new Set([front.id]), { name: "Left", mirrored: true });
  same("a mirrored row runs from left to right", places(mirrored.sections[1].rows[0]).map(([x]) => x), [-200, -150, -50, 0]);
  same("and its numbers from the other side", labels(mirrored.sections[1].rows[0]), "4 3 2 1");
  same("its aisles are mirrored, too", commands.copyRows(first, new Set([back.id]), { name: "L", mirrored: true }).sections[1].rows[0].seats.map((one) => one.adjacency), [1, 2, 3, 5, 6, 7]);
  same("rows put into another section", commands.moveRows(first, new Set([back.id]), "Circle").sections.map((section) => [section.name, section.rows.length]), [["Stalls", 1], ["Circle", 1]]);

  const two = commands.addCategory(commands.addCategory(first, "Gold"), "gold");
  same("keys of categories are unique", two.categories.map((category) => category.key), ["gold", "gold-2"]);
  const painted = commands.paint(two, new Set([seat(0).id]), "gold");
  same("a category that goes leaves none", commands.removeCategory(painted, two.categories[0].id).sections[0].rows[0].seats[0].category, null);

  same("nothing is wrong", words(first), []);
  const doubled = commands.change(first, seat(1).id, { label: "1" });
  same("doubled labels", words(doubled), ["Stalls row A: 2 seats are called 1."]);
  const found = (label) => faults.faults(commands.change(first, back.id, { label })).map(({ wrong, words }) => [wrong, words]);
  same("doubled rows", found(" A"), [[true, "2 rows of Stalls are called A."]]);
  same("rows that look alike", found("a"), [[false, "2 rows of Stalls are called A and a."]]);
  same("a label of 40 characters, whatever they are", found("🎭".repeat(40)), []);
  same("a label of 41", found("🎭".repeat(41)).map(([wrong]) => wrong), [true]);
  same("a companion alone", words(commands.changeSeats(first, new Set([seat(0).id]), { kind: "companion" })).length, 1);
  same("seats on each other", words(commands.move(first, new Set([seat(0).id]), 45, 25)), ["2 seats of Stalls overlap."]);
  same("seats without a category", words(painted), ["9 seats of Stalls have no category."]);
  const told = faults.refused(first, [{ pointer: "/sections/0/rows/1/seats/2/label", detail: "is odd" }])[0];
  same("what the server refuses is found", [told.words, told.ids], ["Stalls, row B, seat 3: is odd", [back.seats[2].id]]);

  const written = plan.write(commands.changeSeats(painted, new Set([seat(3).id]), { kind: "wheelchair", note: "by lift" }));
  const special = { label: "4", x: 200, y: -40, adjacency: 5, kind: "wheelchair", note: "by lift" };
  same("kinds and notes are written", written.sections[0].rows[0].seats[3], special);
  same("what is written is read again", plan.write(plan.read(written)), written);
  const ranked = score.ranks({ ...first, focalPoint: { x: 100, y: -200 } });
  same("the best seats are nearest to the stage", [ranked.get(seat(0).id), ranked.get(seat(1).id), ranked.get(back.seats[5].id)], [0, 2 / 9, 8 / 9]);

  const crowd = rows.makeRows({ rows: 200, seats: 500, firstRow: "1", x: 0, y: 0 });
  const large = commands.addRows(commands.addRows(empty, "North", crowd), "South", rows.makeRows({ rows: 100, seats: 500, firstRow: "1", x: 0, y: 50000 }));
  const everybody = new Set([...plan.seats(large)].map((one) => one.id));
  same("150,000 seats have a rectangle", plan.bounds(large), { left: -12525, top: -320, right: 12525, bottom: 58960 });
  same("and are turned at once", plan.bounds(commands.turn(large, everybody, 180)).bottom, 58960);
  const doubledHouse = commands.copyRows(large, new Set(large.sections.flatMap((section) => section.rows.map((row) => row.id))), { name: "Copy", mirrored: false });
  same("and copied behind themselves", doubledHouse.sections[2].rows[0].seats[0].y, 58910 + 90);
  const moved = commands.move(large, new Set([crowd[0].seats[0].id]), 5, 0);
  same("a section that is left alone is indexed once", plan.index(moved).get(large.sections[1].rows[0].seats[0].id) === plan.index(large).get(large.sections[1].rows[0].seats[0].id), true);
  same("and one that changed anew", plan.index(moved).get(crowd[0].seats[0].id).part.x, crowd[0].seats[0].x + 5);
  same("places of a category are counted", [...plan.placesByCategory(commands.paint(two, new Set([seat(0).id, seat(1).id]), "gold"))], [["gold", 2], [null, 8]]);

  const past = new history.History(empty, () => {});
  past.change(first, "one");
  past.change(numbered, "drag", "drag");
  past.change(turned, "drag", "drag");
  past.undo();
  same("a drag is one step", [past.document === first, past.names], [true, { undo: "one", redo: "drag" }]);
  past.redo();
  same("redo", past.document === turned, true);
  past.undo();
  past.change(removed, "another");
  past.redo();
  same("a change after undo has no other future", past.document === removed, true);
  // A picture that was scrolled or painted again is the one that is painted anew, and a scroll paints only what is new.
  let drawn = 0;
  const paint = (context, { left, top, right, bottom }) => {
    for (let x = Math.floor(left / 10) * 10; x < right + 10; x += 10) {
      for (let y = Math.floor(top / 10) * 10; y < bottom + 10; y += 10) {
        context.fillStyle = (x + 3 * y) % 70 ? "#205080" : "#c03020";
        context.fillRect(x - 3, y - 4, 7, 7);
        drawn += 1;
      }
    }
    return 1;
  };
  const everything = { left: -500, top: -500, right: 500, bottom: 500 };
  const pixels = (layer, left, top, scale) => {
    const context = new OffscreenCanvas(120, 90).getContext("2d");
    drawn = 0;
    layer.draw(context, { seen: { left, top, right: left + 120 / scale, bottom: top + 90 / scale }, scale, key: ["same"], within: () => everything, paint });
    return context.getImageData(0, 0, 120, 90).data.join();
  };
  const kept = new layers.Layer(() => {});
  for (const [left, top, scale] of [[0, 0, 1], [7, 0, 1], [7, 9, 1], [-30, 4, 1], [300, -200, 1], [290, -185, 1], [100, -100, 4], [101, -98, 4], [-60, -60, 1]]) {
    const isAnew = pixels(kept, left, top, scale) === pixels(new layers.Layer(() => {}), left, top, scale);
    same(`the picture at ${left}, ${top}, ${scale}`, isAnew, true);
  }
  pixels(kept, -20, -60, 1);
  same("a scroll paints a strip", drawn < 40, true);
  pixels(kept, -20, -60, 1);
  same("what is in the picture is not painted", drawn, 0);
  return broken;
});
