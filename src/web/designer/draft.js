// What is drawn and not saved yet, kept in this browser, so that a closed tab loses nothing.

const KEY = "turnstile.designer.draft";
const REST_MILLISECONDS = 600;
let timer = 0;

/** Keeps a draft soon; `null` forgets it. */
export function keep(draft) {
  clearTimeout(timer);
  if (draft === null) { store(null); return; }
  timer = setTimeout(() => store(draft()), REST_MILLISECONDS);
}
function store(draft) {
  try {
    if (draft === null) localStorage.removeItem(KEY); else localStorage.setItem(KEY, JSON.stringify(draft));
  } catch { /* This browser keeps nothing, or the house is too large for it: then only saving keeps it. */ }
}
/** The draft, or null. */
export function kept() {
  try {
    const draft = JSON.parse(localStorage.getItem(KEY));
    return draft?.plan?.sections ? draft : null;
  } catch { return null; }
}
