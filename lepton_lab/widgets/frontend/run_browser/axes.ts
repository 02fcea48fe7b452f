// Axes of parallel coordinates: what can be one, and where a value stands on it. Pure.

export type Value = number | string | boolean | null;

export interface Axis {
  name: string;
  kind: "number" | "log" | "names";
  low: number;
  high: number;
  names: string[];
}

const MOST_NAMES = 12;
const LOG_FROM = 50; // times from the least to the greatest
const LONG = 40; // characters: longer texts are no names

/** An axis for a column of values; null where they cannot be laid out on one. */
export function axisOf(name: string, values: readonly Value[]): Axis | null {
  const some = values.filter((v) => v !== null && v !== undefined && !(typeof v === "number" && Number.isNaN(v)));
  if (!some.length) return null;
  if (some.every((v) => typeof v === "number")) {
    const [low, high] = [Math.min(...(some as number[])), Math.max(...(some as number[]))];
    if (low > 0 && high / low >= LOG_FROM) return { name, kind: "log", low, high, names: [] };
    return low === high ? { name, kind: "number", low: low - 0.5, high: high + 0.5, names: [] } : { name, kind: "number", low, high, names: [] };
  }
  const names = [...new Set(some.map(String))].sort();
  if (names.length > MOST_NAMES || names.some((text) => text.length > LONG)) return null;
  return { name, kind: "names", low: 0, high: Math.max(1, names.length - 1), names };
}

/** Where a value stands, 0 at the foot to 1 at the head; null where it is missing. */
export function place(axis: Axis, value: Value): number | null {
  if (value === null || value === undefined || (typeof value === "number" && Number.isNaN(value))) return null;
  if (axis.kind === "names") {
    const i = axis.names.indexOf(String(value));
    return i < 0 ? null : axis.names.length === 1 ? 0.5 : i / (axis.names.length - 1);
  }
  if (typeof value !== "number") return null;
  if (axis.kind === "log") return (Math.log(value) - Math.log(axis.low)) / (Math.log(axis.high) - Math.log(axis.low));
  return (value - axis.low) / (axis.high - axis.low);
}

/** The line of one run across all axes, in pieces where a value is missing. */
export function pieces(places: readonly (number | null)[]): [number, number][][] {
  const out: [number, number][][] = [];
  let piece: [number, number][] = [];
  places.forEach((p, i) => {
    if (p === null) {
      if (piece.length) out.push(piece);
      piece = [];
    } else piece.push([i, p]);
  });
  if (piece.length) out.push(piece);
  return out;
}

const UP = /^(val_)?(accuracy|auroc|f1|precision|recall|r2|top_)/;

/** How good each result is, 0 worst to 1 best, by rank: a loss is best where it is least. */
export function goodness(measure: string, results: readonly number[]): number[] {
  const sign = UP.test(measure) ? 1 : -1;
  const order = results.map((v, i) => [Number.isNaN(v) ? -Infinity : sign * v, i] as const).sort((a, b) => a[0] - b[0]);
  const out = new Array<number>(results.length).fill(0);
  order.forEach(([, i], rank) => (out[i] = results.length > 1 ? rank / (results.length - 1) : 1));
  return out;
}
