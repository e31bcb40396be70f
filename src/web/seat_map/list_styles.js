// The look of the list of seats, which is loaded with it.

const sheet = new CSSStyleSheet();
sheet.replaceSync(`
.list { max-height: 26rem; overflow-y: auto; border: 1px solid var(--map-line); border-radius: .75rem; padding: .4rem .9rem; background: var(--map-ground); }
details > summary { cursor: pointer; padding: .5rem 0; font-weight: 600; }
details details > summary { font-weight: 500; padding: .3rem 0; }
summary span { font-weight: 400; color: var(--map-soft); font-size: .85rem; }
.row { display: flex; flex-wrap: wrap; gap: .3rem; align-items: center; padding: .25rem 0; }
.row > span { min-width: 2.2rem; color: var(--map-soft); font-size: .85rem; }
.seat { min-width: 2.35rem; height: 2.35rem; padding: 0 .3rem; border: 1.5px solid var(--map-soft); border-radius: .5rem .5rem .3rem .3rem; background: none; font-size: .85rem; font-variant-numeric: tabular-nums; cursor: pointer; }
.seat[data-status="Reserved"] { border-style: dashed; color: var(--map-soft); cursor: default; }
.seat[data-status="Sold"] { border-color: transparent; background: var(--map-sold); color: var(--map-soft); text-decoration: line-through; cursor: default; }
.seat[data-chosen="true"] { background: var(--map-accent); border-color: var(--map-accent); color: var(--map-on-accent); }
.seat[data-mine="true"] { border: 3px double var(--map-accent); background: none; color: var(--map-accent); text-decoration: none; }
@media (forced-colors: active) {
  .list { border: 1px solid CanvasText; }
  .seat { forced-color-adjust: none; }
  .seat { border: 2px solid ButtonText; background: Canvas; color: CanvasText; }
  .seat[data-status="Reserved"] { border: 3px dashed GrayText; color: GrayText; }
  .seat[data-status="Sold"] { border: 1px solid GrayText; background: GrayText; color: Canvas; }
  .seat[data-chosen="true"] { border-color: Highlight; background: Highlight; color: HighlightText; }
  .seat[data-mine="true"] { border: 5px double HighlightText; background: Highlight; color: HighlightText; }
}
`);
export default sheet;
