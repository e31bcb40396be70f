// The look of the element. A host sets the custom properties without `map-`: `--seat-map-accent` and so on; see element.js.

const sheet = new CSSStyleSheet();
sheet.replaceSync(`
:host {
  --map-ground: var(--seat-map-ground, light-dark(#fff, #16191f));
  --map-ink: var(--seat-map-ink, light-dark(#1d2129, #eceef2));
  --map-soft: var(--seat-map-soft, light-dark(#5c6470, #a3abb8));
  --map-line: var(--seat-map-line, light-dark(#dfe2e8, #333943));
  --map-accent: var(--seat-map-accent, light-dark(#4338ca, #a5b4fc));
  --map-on-accent: var(--seat-map-on-accent, light-dark(#fff, #14161b));
  --map-free: var(--seat-map-free, light-dark(#2f9e8f, #3fb6a6));
  --map-held: var(--seat-map-held, light-dark(#a9b0bb, #5c6573));
  --map-sold: var(--seat-map-sold, light-dark(#dde0e6, #2c313a));
  --map-stage: var(--seat-map-stage, light-dark(#e6e8ee, #2a2f38));
  --map-category-1: light-dark(#d9902f, #e3a650); --map-category-2: light-dark(#2f9e8f, #3fb6a6);
  --map-category-3: light-dark(#4d8fd6, #68a6e8); --map-category-4: light-dark(#c2649a, #d884b3);
  --map-category-5: light-dark(#7c9a3c, #9cbb58); --map-category-6: light-dark(#8f7ad1, #ac9ae6);
  --map-category-7: light-dark(#c9694f, #e08a72); --map-category-8: light-dark(#5f9ea8, #7fbcc5);
  display: flex; flex-direction: column; gap: .75rem; min-width: 0; min-height: 18rem; color: var(--map-ink);
  font: 1rem/1.45 system-ui, sans-serif; font-family: var(--seat-map-font, inherit);
}
:host([hidden]) { display: none; }
* { box-sizing: border-box; }
[hidden] { display: none !important; }
.frame { position: relative; flex: 1 1 20rem; min-height: 15rem; border-radius: .75rem; background: var(--map-ground); overflow: hidden; }
canvas { position: absolute; inset: 0; width: 100%; height: 100%; display: block; touch-action: none; cursor: grab; border-radius: inherit; outline-offset: -3px; }
canvas.whole { touch-action: pan-y; }
canvas.on-seat { cursor: pointer; }
:focus-visible { outline: 3px solid var(--map-accent); outline-offset: 2px; }
canvas:focus-visible { outline-offset: -3px; }
.controls { position: absolute; right: .6rem; bottom: .6rem; display: flex; gap: .4rem; }
button { font: inherit; color: inherit; }
.controls button { min-width: 2.5rem; height: 2.5rem; padding: 0 .7rem; border: 1px solid var(--map-line); border-radius: .6rem; background: var(--map-ground); cursor: pointer; font-size: .9rem; font-weight: 500; }
.controls button:hover { border-color: var(--map-soft); }
.controls button[aria-expanded="true"] { border-color: var(--map-accent); color: var(--map-accent); }
.tip { position: absolute; top: 0; left: 0; max-width: 16rem; padding: .35rem .6rem; border-radius: .5rem; background: var(--map-ink); color: var(--map-ground); font-size: .82rem; line-height: 1.35; pointer-events: none; }
.tip small { display: block; font-size: inherit; opacity: .8; }
.wait { position: absolute; inset: 0; display: grid; place-items: center; color: var(--map-soft); padding: 1rem; text-align: center; pointer-events: none; }
.spoken { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
.legend { display: flex; flex-wrap: wrap; gap: .35rem 1.1rem; margin: 0; padding: 0; list-style: none; font-size: .85rem; color: var(--map-soft); }
.legend li { display: flex; align-items: center; gap: .45rem; min-width: 0; overflow-wrap: anywhere; }
.legend b { color: var(--map-ink); font-weight: 500; }
.swatch { width: .95rem; height: .95rem; flex: none; border-radius: .28rem .28rem .18rem .18rem; background: var(--map-free); border: 1.5px solid transparent; }
.swatch[data-look="held"] { background: repeating-linear-gradient(135deg, transparent 0 3px, var(--map-held) 3px 4.5px); border-color: var(--map-held); }
.swatch[data-look="sold"] { background: var(--map-sold); }
.swatch[data-look="chosen"] { background: var(--map-accent); }
.swatch[data-look="mine"] { background: radial-gradient(circle, var(--map-accent) 30%, transparent 34%); border-color: var(--map-accent); border-width: 2px; }
.areas { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 21rem), 1fr)); gap: .6rem; }
.area { display: flex; align-items: center; gap: .75rem; padding: .6rem .8rem; border: 1px solid var(--map-line); border-radius: .7rem; min-width: 0; background: var(--map-ground); }
.area .named { flex: 1; min-width: 0; }
.area strong { font-weight: 600; overflow-wrap: anywhere; }
.area .each { white-space: nowrap; }
.area .left { display: block; font-size: .85rem; color: var(--map-soft); }
.stepper { display: flex; align-items: center; gap: .25rem; }
.stepper button { width: 2.25rem; height: 2.25rem; border-radius: 50%; border: 1px solid var(--map-line); background: none; cursor: pointer; font-size: 1.1rem; line-height: 1; }
.stepper button:disabled { opacity: .4; cursor: default; }
.stepper input { width: 2.6rem; height: 2.25rem; text-align: center; font: inherit; font-variant-numeric: tabular-nums; border: 1px solid transparent; border-radius: .4rem; background: none; color: inherit; appearance: textfield; }
@media (forced-colors: active) {
  :host { --map-ground: Canvas; --map-ink: CanvasText; --map-soft: CanvasText; --map-line: CanvasText; --map-accent: Highlight; --map-on-accent: HighlightText;
    --map-free: Canvas; --map-held: GrayText; --map-sold: GrayText; --map-stage: Canvas; }
  .frame, .area { border: 1px solid CanvasText; }
  .swatch { forced-color-adjust: none; }
  .swatch { border-color: CanvasText; }
}
`);
export default sheet;
