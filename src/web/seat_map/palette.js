// The palette: the colours of the map, taken from the host's custom properties, in both schemes and in forced colours.

const NAMES = ["ground", "ink", "soft", "line", "accent", "on-accent", "free", "held", "sold", "stage"];
const CATEGORIES = 8;

/** What a seat may look like, by its place in the picture's keys. */
export const LOOKS = ["free", "held", "sold", "chosen", "mine"];

/** Reads the colours as they are for this element now. */
export function readPalette(root, host) {
  const probe = document.createElement("span");
  probe.hidden = true;
  root.append(probe);
  const read = (name) => { probe.style.color = "var(--" + name + ")"; return getComputedStyle(probe).color; };
  const palette = Object.fromEntries(NAMES.map((name) => [name, read("map-" + name)]));
  palette.categories = Array.from({ length: CATEGORIES }, (_, place) => read("map-category-" + (place + 1)));
  palette.font = getComputedStyle(host).fontFamily || "sans-serif";
  palette.forced = matchMedia("(forced-colors: active)").matches;
  probe.remove();
  return palette;
}

/** A category's own colour, or the palette's for its place. */
export function colourOf(palette, categories, place) {
  if (palette.forced) return palette.ground;
  if (place < 0) return palette.free;
  const own = categories[place]?.colour;
  if (typeof own === "string" && /^#([0-9a-f]{3}|[0-9a-f]{6})$/i.test(own)) return own;
  return categories.length === 1 ? palette.free : palette.categories[place % CATEGORIES];
}

const scratch = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
const inks = new Map();
/** Black or white, whichever is easier to read on a colour. */
export function inkOn(colour) {
  if (!inks.has(colour)) {
    scratch.clearRect(0, 0, 1, 1);
    scratch.fillStyle = colour;
    scratch.fillRect(0, 0, 1, 1);
    const [red, green, blue] = Array.from(scratch.getImageData(0, 0, 1, 1).data.subarray(0, 3), (value) => {
      const part = value / 255;
      return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
    });
    const light = 0.2126 * red + 0.7152 * green + 0.0722 * blue;
    inks.set(colour, (light + 0.05) / 0.05 > 1.05 / (light + 0.05) ? "#000" : "#fff");
  }
  return inks.get(colour);
}
