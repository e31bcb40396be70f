// Areas: places without seats. They are counted, not chosen one by one: each area is one box with the number left.

/** The areas of a showtime, in `home`. `room` tells how many places more may be chosen; `on` is called when others are wanted. */
export class Areas {
  constructor(home, room, on) {
    Object.assign(this, { home, room, on, all: new Map() });
    home.addEventListener("input", (event) => this.want(event.target));
  }

  /** All places of areas as they are. What was wanted before still is, if it is left. */
  adopt(places) {
    const before = this.all;
    this.all = new Map();
    for (const { area: label, status } of places) {
      const area = this.all.get(label) ?? { label, capacity: 0, left: 0, wanted: before.get(label)?.wanted ?? 0 };
      area.capacity += 1;
      if (status === "Available") area.left += 1;
      this.all.set(label, area);
    }
    this.home.replaceChildren(...[...this.all.values()].map((area) => this.box(area)));
    this.home.hidden = !this.all.size;
  }

  /** A place is about to be something else. */
  change(place, status) {
    const area = this.all.get(place.area);
    area.left += (status === "Available") - (place.status === "Available");
    this.paint(area);
  }

  /** What a reservation asks for. */
  wanted() {
    return [...this.all.values()].filter((area) => area.wanted).map((area) => ({ areaId: area.label, quantity: area.wanted }));
  }
  count() {
    return this.wanted().reduce((sum, { quantity }) => sum + quantity, 0);
  }
  names() {
    return this.wanted().map(({ areaId, quantity }) => quantity + " × " + areaId);
  }
  clear() {
    for (const area of this.all.values()) { area.wanted = 0; area.input.value = 0; this.paint(area); }
  }

  box(area) {
    const made = (tag, properties) => Object.assign(document.createElement(tag), properties);
    area.input = made("input", { type: "number", min: 0, step: 1, inputMode: "numeric" });
    area.input.dataset.area = area.label;
    area.told = made("span", { className: "left" });
    area.box = made("div", { className: "area" });
    area.box.append(made("strong", { textContent: area.label }), area.told, area.input);
    this.paint(area);
    return area.box;
  }
  paint(area) {
    area.wanted = Math.min(area.wanted, area.left);
    area.told.textContent = area.left ? area.left + " of " + area.capacity + " left" : "sold out";
    area.box.dataset.left = area.left;
    area.input.max = area.left;
    area.input.disabled = !area.left;
    if (area.input !== document.activeElement || Number(area.input.value) > area.left) area.input.value = area.wanted;
    area.input.setAttribute("aria-label", "Places in " + area.label + ", " + area.told.textContent);
  }
  want(input) {
    const area = this.all.get(input.dataset.area);
    if (!area) return;
    const asked = Math.max(0, Math.floor(Number(input.value)) || 0);
    area.wanted = Math.min(asked, area.left, area.wanted + this.room());
    if (area.wanted !== asked) input.value = area.wanted;
    this.on(area.wanted < asked);
  }
}
