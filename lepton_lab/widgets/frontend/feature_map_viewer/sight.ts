// The pure part of the feature map viewer: bytes with their scales onto one scale, and which moments to offer.
import { power } from "../lib/format";

export interface LayerLook {
  name: string;
  kind: "maps" | "states" | "units" | "attention" | "probabilities";
  shape: number[];
  /** Number of the buffer. */
  buffer: number;
  units: number[];
  size: [number, number];
  lows: number[];
  highs: number[];
  low: number;
  high: number;
  zero: number;
  averaged: boolean;
  finite: boolean;
}

export interface Sight {
  step: number;
  now: number;
  state: string;
  checkpoint: boolean;
  pin: string;
  label: string;
  steps: number[];
  classes: string[];
  layers: LayerLook[];
  first?: number;
}

export type Scale = "map" | "layer";

export interface Picture {
  unit: number;
  data: Uint8Array;
  low: number;
  high: number;
}

/** The ends of a scale: dark is 0 where nothing is below 0, so that a silent map stays dark. */
export function ends(low: number, high: number): [number, number] {
  return [Math.min(0, low), Math.max(high, Math.min(0, low) + 1e-30)];
}

/** Codes that go from `low` to `high` as bytes of a scale from `from` to `to`. */
export function rescaled(codes: Uint8Array, low: number, high: number, from: number, to: number): Uint8Array {
  const out = new Uint8Array(codes.length);
  const [a, b] = [(high - low) / 255, to - from];
  if (!(b > 0)) return out;
  for (let i = 0; i < codes.length; i++) out[i] = Math.max(0, Math.min(255, Math.round(((low + codes[i]! * a - from) / b) * 255)));
  return out;
}

/** The maps of a layer as pictures, and the scale that each is drawn on. */
export function pictures(layer: LayerLook, codes: Uint8Array, scale: Scale): Picture[] {
  const size = layer.size[0] * layer.size[1];
  const count = Math.max(1, layer.units.length);
  return Array.from({ length: count }, (_, k) => {
    const [low, high] = [layer.lows[k] ?? 0, layer.highs[k] ?? 0];
    const [from, to] = scale === "map" || !layer.units.length ? ends(low, high) : ends(layer.low, layer.high);
    return { unit: layer.units[k] ?? -1, data: rescaled(codes.subarray(k * size, (k + 1) * size), low, high, from, to), low: from, high: to };
  });
}

/** Values of units or probabilities. */
export function values(layer: LayerLook, codes: Uint8Array): number[] {
  const [low, high] = [layer.lows[0] ?? 0, layer.highs[0] ?? 0];
  return Array.from(codes, (code) => low + (code / 255) * (high - low));
}

/** Weights around zero as bytes of the gradient ramp: 128 is zero. */
export function centred(weights: Float32Array, largest: number): Uint8Array {
  return Uint8Array.from(weights, (w) => Math.max(0, Math.min(255, Math.round(127.5 + (w / (largest || 1)) * 127.5))));
}

/** A number for a scale: short. */
export function short(x: number): string {
  if (x === 0) return "0";
  const size = Math.abs(x);
  if (size < 1e-3 || size >= 1e5) return power(x, 0).replace("-", "−").replace("e−", "e-");
  return String(Number(x.toPrecision(2))).replace("-", "−");
}

/** The moments of a slider: those that were kept, and now; -1 stands for now. */
export function moments(sight: Pick<Sight, "steps" | "now">): number[] {
  return [...sight.steps.filter((step) => step < sight.now), -1];
}

/** At most `n` numbers of places, evenly, both ends among them. */
export function spread(length: number, n: number): number[] {
  if (length <= n) return Array.from({ length }, (_, i) => i);
  return Array.from({ length: n }, (_, i) => Math.round((i * (length - 1)) / (n - 1)));
}
