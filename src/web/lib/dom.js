// Elements: made from a tag, properties and children. Text stays text: nothing here reads markup.

/** A new element. `data` and `aria` of `properties` are attributes; everything else is set as a property. */
export function element(tag, properties = {}, ...children) {
  const { data = {}, aria = {}, ...own } = properties;
  const made = Object.assign(document.createElement(tag), own);
  Object.assign(made.dataset, data);
  for (const [name, value] of Object.entries(aria)) made.setAttribute("aria-" + name, value);
  made.append(...children.filter((child) => child !== null && child !== undefined && child !== ""));
  return made;
}

/** A button that does something. */
export function button(text, then, properties = {}) {
  const made = element("button", { type: "button", ...properties }, text);
  made.addEventListener("click", then);
  return made;
}

/** The element of the page with this id. */
export const byId = (id) => document.getElementById(id);

/** Sets a text only if it differs, so that screen readers do not read it again. */
export function say(target, text) {
  if (target.textContent !== text) target.textContent = text;
}

/** Replaces what an element has in it. */
export function fill(target, ...children) {
  target.replaceChildren(...children.filter((child) => child !== null && child !== undefined && child !== ""));
}
