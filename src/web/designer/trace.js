// A floor plan to draw upon: a picture that never leaves this browser.

import { number, set } from "./inspector.js";

const at = (id) => document.getElementById(id);
/** Longest side that is kept: larger pictures are made smaller, or dragging would be slow. */
const MOST_PIXELS = 4000;

/** Lets a picture be laid under the plan, and moved until it fits. */
export function trace(editor, say) {
  const file = at("trace-file");
  file.addEventListener("change", async () => {
    const [chosen] = file.files;
    if (!chosen) return;
    try {
      const image = await picture(chosen);
      const width = 3000;
      editor.trace = { image, x: (editor.plan.focalPoint?.x ?? 0) - width / 2, y: (editor.plan.focalPoint?.y ?? 0) - 150, width, opacity: 0.4 };
      editor.view.fit({ left: editor.trace.x, top: editor.trace.y, right: editor.trace.x + width, bottom: editor.trace.y + width * image.height / image.width });
    } catch {
      say("This file is no picture that the browser can show.");
    }
    show(editor);
  });
  at("trace-fields").addEventListener("input", () => {
    if (!editor.trace) return;
    editor.trace = {
      ...editor.trace, width: Math.max(50, number(at("trace-width"), editor.trace.width)), opacity: Number(at("trace-opacity").value) / 100,
      x: number(at("trace-x"), editor.trace.x), y: number(at("trace-y"), editor.trace.y),
    };
    editor.redraw();
  });
  at("trace-remove").addEventListener("click", () => {
    editor.trace?.image.close?.();
    editor.trace = null;
    file.value = "";
    show(editor);
  });
}
async function picture(file) {
  const whole = await createImageBitmap(file);
  const factor = MOST_PIXELS / Math.max(whole.width, whole.height);
  if (factor >= 1) return whole;
  const smaller = await createImageBitmap(whole, { resizeWidth: Math.round(whole.width * factor), resizeHeight: Math.round(whole.height * factor) });
  whole.close();
  return smaller;
}
function show(editor) {
  at("trace-fields").hidden = !editor.trace;
  if (editor.trace) {
    set(at("trace-width"), Math.round(editor.trace.width));
    set(at("trace-x"), Math.round(editor.trace.x));
    set(at("trace-y"), Math.round(editor.trace.y));
  }
  editor.redraw();
}
