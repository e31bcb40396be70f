// The house as buyers will see it, drawn by the same element.

import "../seat_map/element.js";
import { element, fill } from "../lib/dom.js";
import { write } from "./plan.js";

/** The dialog with the map; it is made anew each time. */
export function preview(editor) {
  const dialog = document.getElementById("preview-dialog");
  document.getElementById("preview").addEventListener("click", () => {
    const map = element("seat-map");
    map.house = write(editor.plan);
    dialog.showModal();
    fill(document.getElementById("preview-map"), map);
  });
  dialog.addEventListener("close", () => fill(document.getElementById("preview-map")));
}
