// Letters on the plan, and the colour in which they are read on another.

/** Writes words around a point. */
export function text({ context, colours }, words, x, y, size, colour, weight = 400) {
  context.font = `${weight} ${size}px ${colours.font}`;
  context.textAlign = "center";
  context.textBaseline = "middle";
  context.fillStyle = colour;
  context.fillText(words, x, y);
}

const contrasts = new Map();
/** Black or white, whichever is read better on a colour. */
export function onColour(colour) {
  if (!colour.startsWith("#")) return "#000";
  if (!contrasts.has(colour)) {
    const long = colour.length === 4 ? [...colour.slice(1)].map((digit) => digit + digit).join("") : colour.slice(1);
    const [red, green, blue] = [0, 2, 4].map((at) => (parseInt(long.slice(at, at + 2), 16) / 255) ** 2.2);
    contrasts.set(colour, 0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.3 ? "#000" : "#fff");
  }
  return contrasts.get(colour);
}
