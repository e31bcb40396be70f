// What is drawn and not saved yet, kept in this browser for each house, so that a closed tab loses nothing.

const PREFIX = "turnstile.designer.draft.";
const REST_MILLISECONDS = 600;
let timer = 0;

const key = (house) => PREFIX + (house ?? "new");

/** Keeps the draft of a house (its id, or null for a new one) soon; `null` forgets it. */
export function keep(house, draft) {
  clearTimeout(timer);
  if (draft === null) { store(house, null); return; }
  timer = setTimeout(() => store(house, draft()), REST_MILLISECONDS);
}
function store(house, draft) {
  try {
    if (draft === null) localStorage.removeItem(key(house)); else localStorage.setItem(key(house), JSON.stringify(draft));
  } catch { /* This browser keeps nothing, or the house is too large for it: then only saving keeps it. */ }
}
/** The draft of a house, or null. */
export function kept(house) {
  try {
    const draft = JSON.parse(localStorage.getItem(key(house)));
    return draft?.plan?.sections ? draft : null;
  } catch { return null; }
}
