// The pure part of the playground: places on the plane, colours of the boundary, weights as lines.
export const HALF = 6;

export interface Portrait {
  size: number;
  first: number;
  neurons: { name: string; shape: [number, number, number]; largest: number[]; count: number }[];
  weights: [number, number][];
}

export interface Points {
  x: Float32Array;
  y: Uint8Array;
  valid: Uint8Array;
}

/** A place in the picture (0 to 1, from the upper left) as a place on the plane. */
export function toPlane(left: number, top: number): [number, number] {
  const clip = (v: number) => Math.max(-HALF, Math.min(HALF, v));
  return [clip((left * 2 - 1) * HALF), clip((1 - top * 2) * HALF)];
}

/** A place on the plane as a place in the picture. */
export function toPicture(x: number, y: number): [number, number] {
  return [(x + HALF) / (2 * HALF), (HALF - y) / (2 * HALF)];
}

export type Rgb = [number, number, number];

/** "rgb(1, 2, 3)", "color(srgb 0.1 0.2 0.3)" or "#010203" as three numbers to 255. */
export function rgb(text: string): Rgb {
  const hex = /^#([0-9a-f]{6})$/i.exec(text.trim());
  if (hex) return [0, 2, 4].map((i) => parseInt(hex[1]!.slice(i, i + 2), 16)) as Rgb;
  const numbers = (text.match(/[\d.]+(?:e-?\d+)?/g) ?? []).map(Number);
  const scale = text.includes("srgb") ? 255 : 1;
  return [0, 1, 2].map((i) => Math.round((numbers[i] ?? 0) * scale)) as Rgb;
}

const STRONGEST = 0.5;

/** The boundary as R, G, B, A: each class in its colour, the paler the less sure. */
export function boundary(winner: Uint8Array, sure: Uint8Array, colours: readonly Rgb[]): Uint8ClampedArray<ArrayBuffer> {
  const out = new Uint8ClampedArray(new ArrayBuffer(4 * winner.length));
  for (let i = 0; i < winner.length; i++) {
    const colour = colours[winner[i]! % colours.length]!;
    for (let c = 0; c < 3; c++) out[4 * i + c] = colour[c]!;
    out[4 * i + 3] = Math.round(sure[i]! * STRONGEST);
  }
  return out;
}

/** Thickness and sign of the lines between two layers, relative to the largest weight. */
export function links(weights: Float32Array, rows: number, columns: number): { from: number; to: number; width: number; positive: boolean }[] {
  let largest = 0;
  for (const w of weights) largest = Math.max(largest, Math.abs(w));
  const found = [];
  for (let to = 0; to < rows; to++) {
    for (let from = 0; from < columns; from++) {
      const w = weights[to * columns + from] ?? 0;
      const width = largest > 0 ? 3 * (Math.abs(w) / largest) : 0;
      if (width >= 0.15) found.push({ from, to, width, positive: w > 0 });
    }
  }
  return found;
}

/** Places along a drag at least `apart` from each other, so that a slow hand does not draw thousands. */
export function thinnedPath(path: readonly [number, number][], apart: number): [number, number][] {
  const out: [number, number][] = [];
  for (const [x, y] of path) {
    const last = out[out.length - 1];
    if (!last || (x - last[0]) ** 2 + (y - last[1]) ** 2 >= apart * apart) out.push([x, y]);
  }
  return out;
}
