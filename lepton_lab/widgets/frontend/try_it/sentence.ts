// What the network says, in words and in the order of the bars.
import { tryIt as words } from "../strings/en/try_it";
import { percent } from "../lib/format";

export const FEW = 12; // classes that are all shown, in their own order
export const TOP = 10;

/** A share as it is written: never 100 % or 0 % where it is not quite. */
export function share(p: number): string {
  if (p < 0.001) return words.tooSmall;
  if (p > 0.999 && p < 1) return "> 99.9 %";
  return percent(p);
}

/** The two likeliest classes. */
export function likeliest(probs: ArrayLike<number>): [number, number] {
  let [first, second] = [0, -1];
  for (let i = 1; i < probs.length; i++) {
    if (probs[i]! > probs[first]!) [first, second] = [i, first];
    else if (second < 0 || probs[i]! > probs[second]!) second = i;
  }
  return [first, second];
}

export interface Said {
  best: number;
  name: string;
  main: string;
  next: string;
}

export function sentence(probs: ArrayLike<number>, classes: readonly string[]): Said {
  const [best, second] = likeliest(probs);
  const name = classes[best] ?? String(best);
  const p = probs[best] ?? 0;
  const said = (q: number) => words.spoken(share(q));
  const main = p < 0.5 ? words.unsure(said(p), name) : words.sure(said(p), name);
  return { best, name, main, next: second < 0 ? "" : words.next(classes[second] ?? String(second), said(probs[second]!)) };
}

/** Which classes are shown: all in their own order where they are few, else the likeliest, or those that are looked for. */
export function shown(probs: ArrayLike<number>, classes: readonly string[], looked: string): number[] {
  const all = Array.from({ length: probs.length }, (_, i) => i);
  if (probs.length <= FEW) return all;
  const wanted = looked.trim().toLowerCase();
  const found = wanted ? all.filter((i) => (classes[i] ?? "").toLowerCase().includes(wanted)) : all;
  return found.sort((a, b) => probs[b]! - probs[a]! || a - b).slice(0, TOP);
}

/** A value with as many digits as its range makes sense of. */
export function value(x: number, low: number, high: number): string {
  if (!Number.isFinite(x)) return "–";
  const digits = Math.max(0, Math.min(6, 2 - Math.floor(Math.log10(Math.max(1e-9, high - low)))));
  return x.toLocaleString("en-US", { minimumFractionDigits: 0, maximumFractionDigits: digits }).replace("-", "−");
}
