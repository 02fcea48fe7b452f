// The pure part of the gradient monitor: readings by step, ramps, and which layers are in trouble.
import { f32, f64 } from "../lib/floats";

export type Mode = "gradients" | "weights" | "activations";

export interface Histogram {
  step: number;
  labels: string[];
  edges: (number | null)[];
  values: Float32Array;
}

interface Row {
  step: number;
  values: Record<string, Float32Array>;
}

export interface Part {
  columns: { quantity: string; labels: string[] }[];
  first: number;
  from?: number;
  /** (`to` would be a view's address.) */
  until: number;
  generation: string;
  state: string;
  step: number;
  cost: { share: number; budget: number | null; measured: number; spacing: number };
  probes: string[];
  histograms: Record<string, { step: number; labels: string[]; edges: (number | null)[]; buffer: number }>;
  name?: string;
  sizes?: Record<string, number>;
}

const MOST = 1600;

/** All readings of one run, in the order of their steps. */
export class Readings {
  rows: Row[] = [];
  labels: Record<string, string[]> = {};
  histograms: Record<string, Histogram> = {};
  sizes: Record<string, number> = {};
  name = "";
  cursor = 0;
  about: Pick<Part, "state" | "step" | "cost" | "probes"> | null = null;

  /** Takes a part in; false where it does not follow on what is here, so that all must be fetched again. */
  take(part: Part, buffers: DataView[]): boolean {
    if (part.from !== undefined && part.until <= this.cursor && part.until !== part.from) return true;
    if (part.from !== undefined && part.from !== this.cursor) return false;
    for (const column of part.columns) {
      const known = this.labels[column.quantity];
      if (known && part.from !== undefined && known.join("\n") !== column.labels.join("\n")) return false;
      this.labels[column.quantity] = column.labels;
    }
    const steps = buffers[part.first] ? f64(buffers[part.first]!) : new Float64Array();
    const columns = part.columns.map((c, i) => ({ ...c, values: f32(buffers[part.first + 1 + i]!) }));
    steps.forEach((step, t) => {
      const values: Record<string, Float32Array> = {};
      for (const c of columns) values[c.quantity] = c.values.subarray(t * c.labels.length, (t + 1) * c.labels.length);
      this.rows.push({ step, values });
    });
    for (const [name, told] of Object.entries(part.histograms)) {
      this.histograms[name] = { ...told, values: f32(buffers[told.buffer]!) };
    }
    this.cursor = part.until;
    this.about = { state: part.state, step: part.step, cost: part.cost, probes: part.probes };
    if (part.name !== undefined) this.name = part.name;
    if (part.sizes) this.sizes = part.sizes;
    if (this.rows.length > MOST) {
      const recent = this.rows.slice(-100);
      this.rows = [...this.rows.slice(0, -100).filter((_, i) => i % 2 === 0), ...recent];
    }
    return true;
  }

  /** One layer's values over the steps at which it was measured. */
  curve(quantity: string, layer: string, scale = 1): { x: Float64Array; y: Float64Array } | null {
    const at = this.labels[quantity]?.indexOf(layer) ?? -1;
    if (at < 0) return null;
    const [x, y]: [number[], number[]] = [[], []];
    for (const row of this.rows) {
      const value = row.values[quantity]?.[at];
      if (value === undefined || Number.isNaN(value)) continue;
      x.push(row.step);
      y.push(value * scale);
    }
    return x.length ? { x: Float64Array.from(x), y: Float64Array.from(y) } : null;
  }

  /** The newest value of each layer up to a step (all where negative); NaN where there is none. */
  latest(quantity: string, step = -1): Float64Array {
    const labels = this.labels[quantity] ?? [];
    const out = new Float64Array(labels.length).fill(NaN);
    for (let t = this.rows.length - 1; t >= 0; t--) {
      const row = this.rows[t]!;
      const values = row.values[quantity];
      if (!values || (step >= 0 && row.step > step)) continue;
      let missing = false;
      for (let i = 0; i < out.length; i++) {
        if (Number.isNaN(out[i]!) && !Number.isNaN(values[i]!)) out[i] = values[i]!;
        missing ||= Number.isNaN(out[i]!);
      }
      if (!missing || this.rows.length - t > 50) break;
    }
    return out;
  }

  /** What a norm is divided by to be the typical size of one number: 1 where the sizes are not known. */
  root(layer: string): number {
    return Math.sqrt(this.sizes[layer] ?? 1);
  }

  get perWeight(): boolean {
    const labels = this.labels["grad_norm"] ?? [];
    return labels.length > 0 && labels.every((label) => (this.sizes[label] ?? 0) > 0);
  }

  get end(): number {
    return this.rows[this.rows.length - 1]?.step ?? 0;
  }
}

export interface View {
  heat: string;
  /** Whether the numbers are norms that are divided by the root of the number of weights. */
  root: boolean;
  /** Positions (powers of ten) of the ramp's six colours: low, low, healthy, healthy, high, high. */
  stops: readonly [number, number, number, number, number, number];
  hist: string;
  dots: string;
  dotsRoot: boolean;
  dotsRange: readonly [number, number];
  dotsHealthy: readonly [number, number] | null;
  linear?: boolean;
}

export const VIEWS: Record<Mode, View> = {
  gradients: { heat: "grad_norm", root: true, stops: [-9, -6, -4, -1, -0.5, 0], hist: "grad_hist", dots: "update_ratio", dotsRoot: false, dotsRange: [-10, 0], dotsHealthy: [-4, -2] },
  weights: { heat: "update_ratio", root: false, stops: [-8, -6, -4, -2, -1.3, 0], hist: "weight_hist", dots: "weight_norm", dotsRoot: true, dotsRange: [-5, 1], dotsHealthy: null },
  activations: { heat: "act_std", root: false, stops: [-6, -4, -2, 1, 2, 4], hist: "act_hist", dots: "act_saturated", dotsRoot: false, dotsRange: [0, 1], dotsHealthy: null, linear: true },
};

/** Where a value lies in the ramp, 0 to 5 (healthy is 2 to 3); NaN where there is none, 5 for what is no number. */
export function place(value: number, stops: readonly number[]): number {
  if (Number.isNaN(value)) return NaN;
  if (value === Infinity) return 5;
  const at = value > 0 ? Math.log10(value) : -Infinity;
  if (at <= stops[0]!) return 0;
  for (let i = 1; i < stops.length; i++) {
    if (at <= stops[i]!) return i - 1 + (at - stops[i - 1]!) / (stops[i]! - stops[i - 1]!);
  }
  return stops.length - 1;
}

/** Places in the ramp as a grid: layers × columns; a column without a reading repeats the one before it. */
export function grid(readings: Readings, view: View, columns: number): { data: Float32Array; layers: string[] } {
  const layers = readings.labels[view.heat] ?? [];
  const data = new Float32Array(layers.length * columns).fill(NaN);
  const counts = new Uint16Array(layers.length * columns);
  const end = Math.max(1, readings.end);
  const roots = layers.map((layer) => (view.root && readings.perWeight ? readings.root(layer) : 1));
  for (const row of readings.rows) {
    const values = row.values[view.heat];
    if (!values) continue;
    const column = Math.min(columns - 1, Math.floor((row.step / end) * columns));
    for (let i = 0; i < layers.length; i++) {
      const found = place(values[i]! / roots[i]!, view.stops);
      if (Number.isNaN(found)) continue;
      const k = i * columns + column;
      const n = counts[k]!;
      data[k] = n ? (data[k]! * n + found) / (n + 1) : found;
      counts[k] = n + 1;
    }
  }
  for (let i = 0; i < layers.length; i++) {
    let last = NaN;
    let first = -1;
    for (let c = 0; c < columns; c++) {
      const k = i * columns + c;
      if (counts[k]) {
        last = data[k]!;
        if (first < 0) first = c;
      } else data[k] = last;
    }
    for (let c = 0; c < first; c++) data[i * columns + c] = data[i * columns + first]!;
  }
  return { data, layers };
}

const RECENT = 20;

export type Trouble = "vanishing" | "exploding" | null;

/** Which layers receive far too little or far too much, by the median of the last readings. */
export function troubles(readings: Readings): Trouble[] {
  const labels = readings.labels["grad_norm"] ?? [];
  if (!readings.perWeight) return labels.map(() => null);
  const recent = readings.rows.filter((row) => row.values["grad_norm"]).slice(-RECENT);
  const typical = labels.map((label, i) => {
    const values = recent.map((row) => row.values["grad_norm"]![i]! / readings.root(label)).filter((v) => !Number.isNaN(v));
    values.sort((a, b) => a - b);
    return values.length ? values[values.length >> 1]! : NaN;
  });
  const most = Math.max(...typical.filter((v) => Number.isFinite(v)), 0);
  const last = recent[recent.length - 1]?.values["grad_norm"];
  return typical.map((value, i) => {
    if (value > 0.5 || last?.[i] === Infinity) return "exploding";
    return value < 1e-4 && value < most / 30 ? "vanishing" : null;
  });
}

/** Positions of a histogram's bins: powers of ten for sizes, the bin's own number for numbers with a sign. */
export function positions(edges: readonly (number | null)[]): { x: number[]; signed: boolean } {
  const signed = edges[0] === null;
  const x: number[] = [];
  for (let i = 0; i + 1 < edges.length; i++) {
    const [low, high] = [edges[i] ?? null, edges[i + 1] ?? null];
    if (signed) x.push(i + 0.5);
    else if (!low) x.push(Math.log10((high ?? 1) / 2));
    else x.push(Math.log10(low) + Math.log10(2));
  }
  return { x, signed };
}

/** Heights of a ridge, 0 to 1, and the share of zeros, which would flatten it: the first bin of sizes begins at 0. */
export function ridgeOf(values: Float32Array, signed: boolean): { heights: number[]; zeros: number } {
  const rest = signed ? values : values.subarray(1);
  const most = rest.reduce((a, b) => Math.max(a, b), 0);
  const all = values.reduce((a, b) => a + b, 0);
  const heights = Array.from(rest, (v) => (most > 0 ? v / most : 0));
  return { heights: signed ? heights : [0, ...heights], zeros: !signed && all > 0 ? values[0]! / all : 0 };
}

/** About `n` round numbers from 0 to `end`, both of them included. */
export function ticks(end: number, n = 6): number[] {
  if (end <= 0) return [0];
  const raw = end / n;
  const size = 10 ** Math.floor(Math.log10(raw));
  const step = Math.max(1, [1, 2, 5, 10].map((k) => k * size).find((s) => s >= raw) ?? raw);
  const found: number[] = [];
  for (let x = 0; x < end - step * 0.45; x += step) found.push(x);
  return [...found, end];
}

/** The numbers of neighbours as stretches: [0,1,2,5] -> [[0,2],[5,5]]. */
export function stretches(numbers: readonly number[]): [number, number][] {
  const out: [number, number][] = [];
  for (const n of numbers) {
    const last = out[out.length - 1];
    if (last && last[1] === n - 1) last[1] = n;
    else out.push([n, n]);
  }
  return out;
}
