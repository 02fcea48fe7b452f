// From the blocks of a run to the curves of a chart.
import { type Limits, lowerBound, type Series, smooth } from "../lib/chart_data";
import type { Mark } from "../lib/chart_draw";
import { num } from "../lib/format";
import { chart as words } from "../strings/en/chart";
import { type Axis, AXES, type RunData, type Table } from "./store";

export type Colour = Series["color"];

const NOT_METRICS = new Set<string>([...AXES, "loss", "lr", "grad_norm", "samples_per_s"]);

/** Metrics of the runs, in the order in which they were first seen. */
export function metricsOf(runs: readonly RunData[]): string[] {
  const found = new Set<string>();
  for (const run of runs) {
    for (const table of [run.tables.steps, run.tables.epochs]) {
      for (const name of table.columns.keys()) {
        if (!NOT_METRICS.has(name) && !/^(low |high |val_)/.test(name)) found.add(name);
      }
    }
  }
  return [...found];
}

/** Shares are drawn in percent. */
export function scaleOf(column: string): number {
  return /accuracy|top_|precision|recall|^f1/.test(column) ? 100 : 1;
}

function times(values: Float32Array, factor: number): Float32Array {
  return factor === 1 ? values : values.map((v) => v * factor);
}

function known(values: Float32Array | undefined): values is Float32Array {
  return !!values && values.some((v) => !Number.isNaN(v));
}

/** A column as it was measured: a zigzag between the extremes of each block where a block has several rows. */
export function measured(table: Table, column: string, axis: Axis, factor = 1): { x: Float32Array; y: Float32Array } | null {
  const [x, y] = [table.columns.get(axis), table.columns.get(column)];
  if (!x || !known(y)) return null;
  const [low, high] = [table.columns.get(`low ${column}`), table.columns.get(`high ${column}`)];
  if (!low || !high) return { x, y: times(y, factor) };
  const [xs, ys] = [new Float32Array(2 * x.length), new Float32Array(2 * x.length)];
  for (let i = 0; i < x.length; i++) {
    const before = i ? x[i - 1]! : x[0]!;
    const wide = x[i]! - before;
    xs[2 * i] = before + wide / 3;
    xs[2 * i + 1] = before + (2 * wide) / 3;
    ys[2 * i] = high[i]! * factor;
    ys[2 * i + 1] = low[i]! * factor;
  }
  return { x: xs, y: ys };
}

interface Drawing {
  axis: Axis;
  smoothing: number;
  color: Colour;
  /** Finer blocks of a zoomed part, in place of the steps. */
  fine?: Table | null;
}

/** Training and validation of one column of one run. */
export function curvesOf(run: RunData, column: string, { axis, smoothing, color, fine }: Drawing): Series[] {
  const [steps, epochs, factor] = [fine ?? run.tables.steps, run.tables.epochs, scaleOf(column)];
  const group = run.about?.name ?? run.id;
  const series: Series[] = [];
  const trained = known(steps.columns.get(column)) ? steps : epochs;
  const raw = measured(trained, column, axis, factor);
  const x = trained.columns.get(axis);
  if (raw && x) {
    const y = times(trained.columns.get(column)!, factor);
    const several = trained.level > 0;
    if (smoothing > 0 || several) series.push({ ...raw, color, split: "raw", name: words.raw, group });
    series.push({ x, y: smoothing > 0 ? smooth(y, smoothing) : y, color, split: "train", name: words.train, group });
  }
  const valid = epochs.columns.get(`val_${column}`);
  const at = epochs.columns.get(axis);
  if (at && known(valid)) series.push({ x: at, y: times(valid, factor), color, split: "valid", name: words.valid, group });
  return series;
}

/** A column without a validation side: learning rate, gradient norm, throughput. */
export function sideCurve(run: RunData, column: string, { axis, smoothing, color, fine }: Drawing): Series[] {
  const steps = fine ?? run.tables.steps;
  const raw = measured(steps, column, axis);
  const [x, y] = [steps.columns.get(axis), steps.columns.get(column)];
  if (!raw || !x || !y) return [];
  const group = run.about?.name ?? run.id;
  if (smoothing === 0) return [{ x, y, color, split: "train", name: words.train, group }];
  return [
    { ...raw, color, split: "raw", name: words.raw, group },
    { x, y: smooth(y, smoothing), color, split: "train", name: words.train, group },
  ];
}

/** The best epoch on a chart: its validation where there is one. */
export function bestMark(run: RunData, column: string, axis: Axis, color: Colour, format: (y: number) => string): Mark[] {
  const best = run.status?.best;
  const value = best?.[`val_${column}`] ?? best?.[column];
  if (!best || value === undefined || !Number.isFinite(value)) return [];
  const y = value * scaleOf(column);
  return [{ x: best[axis]!, y, text: words.best(format(y)), color }];
}

/** The rows that a zoom shows, where they are worth asking for: null where the view has them in full. */
export function wanted(table: Table, axis: Axis, range: Limits): [number, number] | null {
  const x = table.columns.get(axis);
  if (!x || table.level === 0) return null;
  const first = Math.max(0, lowerBound(x, range[0]) - 1);
  const last = Math.min(x.length, lowerBound(x, range[1]) + 2);
  const size = 2 ** table.level;
  if (last - first > x.length * 0.7) return null;
  return [first * size, Math.min(table.total, last * size)];
}

/** Settings in which a run differs from the first one, as "lr 0.001 → 0.0001". */
export function differences(first: RunData, run: RunData): string[] {
  const [a, b] = [first.about?.settings ?? {}, run.about?.settings ?? {}];
  const show = (value: unknown) => (typeof value === "number" ? String(Number(value.toPrecision(3))) : String(value ?? "–"));
  return Object.keys(b)
    .filter((name) => JSON.stringify(a[name]) !== JSON.stringify(b[name]))
    .map((name) => `${name} ${show(b[name])}`);
}

export const formatOf = (column: string): ((y: number) => string) => (scaleOf(column) === 100 ? (y) => num(y, 1) : (y) => num(y, 3));
