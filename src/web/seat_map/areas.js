// Areas: places without seats. They are counted, not chosen one by one: each area is one box with the number left.

import { element, say } from "../lib/dom.js";
import { count } from "../lib/format.js";

export class Areas {
  /** `room` tells how many places more may be chosen; `changed(isCut)` is called when others are wanted. */
  constructor(home, room, changed) {
    Object.assign(this, { home, room, changed, boxes: [], house: null, states: null });
  }

  look(house, states, priceOf, isReadonly) {
    Object.assign(this, { house, states });
    this.boxes = house.areas.map((area, place) => this.box(area, place, priceOf(area), isReadonly));
    this.home.replaceChildren(...this.boxes.map(({ box }) => box));
    this.home.hidden = !this.boxes.length;
    this.paintAll();
  }

  box(area, place, price, isReadonly) {
    const input = element("input", { type: "number", min: 0, step: 1, inputMode: "numeric", data: { area: area.label } });
    const step = (by, text, word) => {
      const made = element("button", { type: "button", ariaLabel: word + " in " + area.label }, text);
      made.addEventListener("click", () => this.want(place, this.states.wantedOf(area.label) + by));
      return made;
    };
    const [less, more] = [step(-1, "−", "One fewer"), step(1, "+", "One more")];
    const left = element("span", { className: "left" });
    const name = element("div", { className: "named" }, element("strong", {}, area.label), price ? " " : "", price ? element("span", { className: "each" }, price) : "", left);
    const box = element("div", { className: "area" }, name, isReadonly ? "" : element("span", { className: "stepper" }, less, input, more));
    input.addEventListener("input", () => this.want(place, Number(input.value)));
    return { box, input, left, less, more, area, price };
  }

  want(place, asked) {
    const { area } = this.boxes[place];
    const whole = Math.max(0, Math.floor(asked) || 0);
    const now = this.states.wantedOf(area.label);
    const wanted = Math.min(whole, this.states.freeInArea(place), now + this.room());
    this.states.wanted.set(area.label, wanted);
    this.paint(place, wanted !== whole);
    this.changed(wanted < whole);
  }

  /** Places that are no longer there are wanted no more, and that is told. */
  paintAll() {
    const before = this.wanted();
    this.boxes.forEach((_, place) => this.paint(place, false));
    if (this.wanted() < before) this.changed(true);
  }
  wanted() { return this.boxes.reduce((sum, { area }) => sum + this.states.wantedOf(area.label), 0); }
  paint(place, isCut) {
    const { box, input, left, less, more, area, price } = this.boxes[place];
    const free = this.states.freeInArea(place);
    const wanted = Math.min(this.states.wantedOf(area.label), free);
    this.states.wanted.set(area.label, wanted);
    say(left, free ? free.toLocaleString() + " of " + count(area.capacity, "place") + " left" : "sold out");
    box.dataset.left = free;
    input.max = free;
    input.disabled = !free;
    less.disabled = !wanted;
    more.disabled = !free;
    const isTyping = this.home.getRootNode().activeElement === input;
    if (!isTyping || isCut || Number(input.value) > free) input.value = wanted;
    input.setAttribute("aria-label", ["Places in " + area.label, price, left.textContent].filter(Boolean).join(", "));
  }
  focus(area) {
    this.boxes.find((one) => one.area === area)?.input.focus();
  }
}
