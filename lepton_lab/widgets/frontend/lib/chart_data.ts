// The pure part of the line charts: series of different lengths onto one axis, ranges, smoothing, reading off.
import uPlot from "uplot";

export type Values = Float64Array | Float32Array | readonly number[];
export type Split = "train" | "valid" | "raw";
export type Colour = 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8;
export type Limits = readonly [number, number];

/** One curve; `x` rises. Colour says which run, the split how it is drawn: train solid, valid dashed with points,
 * raw faint and left out of the read-out. */
export interface Series {
  x: Values;
  y: Values;
  color: Colour;
  split: Split;
  name: string;
  /** Whose curve it is, for the read-out's tooltip and screen readers. */
  group?: string;
}

/** The curves on a common, rising axis: `undefined` where another one has a point, `null` where a value is missing.
 *
 * Two points of one curve at the same place stay two rows.
 */
export function merge(series: readonly Series[], log: boolean): uPlot.AlignedData {
  const heads = series.map(() => 0);
  const xs: number[] = [];
  const ys: (number | null | undefined)[][] = series.map(() => []);
  for (;;) {
    let x = Infinity;
    series.forEach((s, i) => {
      const head = s.x[heads[i]!];
      if (head !== undefined && head < x) x = head;
    });
    if (x === Infinity) break;
    xs.push(x);
    for (let i = 0; i < series.length; i++) {
      const s = series[i]!;
      const head = heads[i]!;
      if (s.x[head] === x) {
        const y = s.y[head]!;
        ys[i]!.push(Number.isFinite(y) && (!log || y > 0) ? y : null);
        heads[i] = head + 1;
      } else ys[i]!.push(undefined);
    }
  }
  return [xs, ...ys];
}

/** The first index whose x is not below `at`. */
export function lowerBound(x: Values, at: number): number {
  let [low, high] = [0, x.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (x[middle]! < at) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The index nearest to `at` that has a value; -1 where `at` lies further outside than `slack`. */
export function nearest(s: Pick<Series, "x" | "y">, at: number, slack = Infinity): number {
  const { x, y } = s;
  if (!x.length || at < x[0]! - slack || at > x[x.length - 1]! + slack) return -1;
  let right = lowerBound(x, at);
  let left = right - 1;
  while (left >= 0 && !Number.isFinite(y[left]!)) left -= 1;
  while (right < x.length && !Number.isFinite(y[right]!)) right += 1;
  if (left < 0) return right < x.length ? right : -1;
  if (right >= x.length) return left;
  return at - x[left]! <= x[right]! - at ? left : right;
}

/** Running mean that keeps `keep` of itself a point, without the pull of its start; gaps stay gaps. */
export function smooth(y: Values, keep: number): Float64Array {
  const out = new Float64Array(y.length);
  let [mean, weight] = [0, 0];
  for (let i = 0; i < y.length; i++) {
    const value = y[i]!;
    if (Number.isFinite(value)) {
      mean = keep * mean + (1 - keep) * value;
      weight = keep * weight + (1 - keep);
      out[i] = mean / weight;
    } else out[i] = NaN;
  }
  return out;
}

/** Smallest and largest x of all curves; null where there are none. */
export function extentX(series: readonly Series[]): Limits | null {
  let [low, high] = [Infinity, -Infinity];
  for (const { x } of series) {
    if (!x.length) continue;
    low = Math.min(low, x[0]!);
    high = Math.max(high, x[x.length - 1]!);
  }
  return low <= high ? [low, high] : null;
}

/** Smallest and largest value inside of `within`, those that cannot be drawn left out; null where there are none. */
export function extentY(series: readonly Series[], within: Limits, log: boolean): Limits | null {
  let [low, high] = [Infinity, -Infinity];
  for (const { x, y } of series) {
    const end = x.length;
    for (let i = Math.max(0, lowerBound(x, within[0]) - 1); i < end; i++) {
      const value = y[i]!;
      if (Number.isFinite(value) && (!log || value > 0)) {
        if (value < low) low = value;
        if (value > high) high = value;
      }
      if (x[i]! > within[1]) break;
    }
  }
  return low <= high ? [low, high] : null;
}

/** What an axis shows for values from `low` to `high`, inside of hard limits. */
export function axisRange(found: Limits | null, log: boolean, hard: readonly [number | null, number | null]): [number, number] {
  let [low, high] = found ?? (log ? [0.1, 1] : [0, 1]);
  if (log) {
    if (low === high) [low, high] = [low / 2, high * 2];
    const room = (high / low) ** 0.05;
    return [low / room, high * room];
  }
  if (low === high) {
    const room = Math.abs(low) * 0.1 || 1;
    [low, high] = [low - room, high + room];
  }
  const room = (high - low) * 0.06;
  const [floor, ceiling] = hard;
  return [floor === null ? low - room : Math.max(floor, low - room), ceiling === null ? high + room : Math.min(ceiling, high + room)];
}

/** Where a logarithmic axis has its lines: at powers of ten, and between them where those are few. */
export function logTicks(low: number, high: number, most: number): number[] {
  const decades = Math.log10(high / low);
  const within = (steps: readonly number[], every = 1): number[] => {
    const out: number[] = [];
    for (let e = Math.floor(Math.log10(low)); e <= Math.ceil(Math.log10(high)); e++) {
      if (e % every === 0) for (const step of steps) out.push(Number(`${step}e${e}`));
    }
    return out.filter((v) => v >= low * (1 - 1e-9) && v <= high * (1 + 1e-9));
  };
  if (decades > most) return within([1], Math.ceil(decades / most));
  for (const steps of [[1, 2, 3, 4, 5, 6, 7, 8, 9], [1, 2, 5], [1, 3]]) {
    const found = within(steps);
    if (found.length <= most && found.length >= 2) return found;
  }
  const found = within([1]);
  return found.length >= 2 ? found : [low, Math.sqrt(low * high), high].map((v) => Number(v.toPrecision(2)));
}

interface View {
  x: Limits;
  y: Limits;
  series: readonly Series[];
}

/** Whether anything stands at least a pixel elsewhere after curves have grown at their ends.
 *
 * The extremes of an unfinished stretch (`raw`) are drawn when that stretch takes up a pixel.
 */
export function moved(before: View, after: View, on: { x: number; y: number; logX: boolean; logY: boolean }): boolean {
  if (before.series.length !== after.series.length) return true;
  const place = (value: number, [low, high]: Limits, log: boolean, size: number): number =>
    log ? (size * Math.log(value / low)) / Math.log(high / low) : (size * (value - low)) / (high - low);
  const x = (value: number, view: View) => place(value, view.x, on.logX, on.x);
  const y = (value: number, view: View) => place(value, view.y, on.logY, on.y);
  const apart = (a: number, b: number) => !(Math.abs(a - b) < 1);
  if (before.x.some((end) => apart(x(end, before), x(end, after)))) return true;
  if (before.y.some((end) => apart(y(end, before), y(end, after)))) return true;
  return after.series.some((s, i) => {
    const old = before.series[i]!;
    if (old.split !== s.split || old.color !== s.color || !old.x.length !== !s.x.length) return true;
    if (!s.x.length) return false;
    const [ended, ends] = [old.x.length - 1, s.x.length - 1];
    if (apart(x(old.x[ended]!, after), x(s.x[ends]!, after))) return true;
    const [was, is] = [old.y[ended]!, s.y[ends]!];
    if (Number.isFinite(was) !== Number.isFinite(is)) return true;
    return s.split !== "raw" && Number.isFinite(is) && (!on.logY || (was > 0 && is > 0)) && apart(y(was, after), y(is, after));
  });
}
