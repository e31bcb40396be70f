// How seats and rows are numbered: the labels of a run by a rule, as the server's own format has them.

/** The rules for seats, with what people read. */
export const STYLES = { all: "1, 2, 3", odd: "1, 3, 5", even: "2, 4, 6", letters: "A, B, C" };

/** 1 is A, 26 is Z, 27 is AA. */
export function letters(number) {
  let text = "";
  for (let rest = number; rest > 0; rest = Math.floor((rest - 1) / 26)) text = String.fromCharCode(65 + (rest - 1) % 26) + text;
  return text;
}
/** A is 1, AA is 27; 0 for anything else. */
export function numberOf(text) {
  if (!/^[A-Za-z]{1,2}$/.test(text)) return 0;
  return [...text.toUpperCase()].reduce((sum, letter) => sum * 26 + letter.charCodeAt(0) - 64, 0);
}

/** The labels of `count` seats from left to right. `first` is the lowest: a number, of letters the place in the alphabet. */
export function seatLabels(count, { style = "all", from = "left", first } = {}) {
  const least = style === "even" ? 2 : 1;
  const step = style === "odd" || style === "even" ? 2 : 1;
  let start = first ?? least;
  // Odd numbers begin with an odd one, even ones with an even one.
  if (style === "odd" && start % 2 === 0) start += 1;
  if (style === "even" && start % 2 === 1) start += 1;
  return Array.from({ length: count }, (_, place) => {
    const number = start + (from === "right" ? count - 1 - place : place) * step;
    return style === "letters" ? letters(Math.max(1, number)) : String(number);
  });
}

const MOST_TRIED = 20000;

/** The labels of `count` rows from the front. `first` is a letter or a number, and says which of them they are; `skip` has letters that are left out. */
export function rowLabels(count, { first = "A", skip = "" } = {}) {
  const text = String(first).trim();
  const left = new Set([...skip.toUpperCase()]);
  const labels = [];
  if (/^\d+$/.test(text)) {
    for (let number = Number(text); labels.length < count; number += 1) labels.push(String(number));
  } else if (numberOf(text)) {
    // With nearly all letters left out there may not be enough.
    for (let number = numberOf(text); labels.length < count && number < MOST_TRIED; number += 1) {
      const label = letters(number);
      if (![...label].some((letter) => left.has(letter))) labels.push(label);
    }
  } else {
    for (let number = 1; labels.length < count; number += 1) labels.push((text ? text + " " : "") + number);
  }
  return labels;
}
