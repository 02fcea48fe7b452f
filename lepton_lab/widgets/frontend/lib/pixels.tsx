// Small pictures from bytes: feature maps, samples, heat maps. Pixels are never smoothed.
import { useEffect, useRef } from "preact/hooks";

export type Ramp = "map" | "grey" | "gradient";

interface PixelsProps {
  /** Rows of `width` × `channels` bytes. */
  data: Uint8Array;
  width: number;
  height: number;
  channels?: 1 | 3;
  /** Height on screen in CSS pixels; the width follows. */
  size: number;
  /** What a screen reader says; empty for a mere ornament. */
  label?: string;
  ramp?: Ramp;
  title?: string;
}

const RAMPS: Record<Exclude<Ramp, "grey">, readonly string[]> = {
  map: ["--ll-map-0", "--ll-map-1", "--ll-map-2", "--ll-map-3", "--ll-map-4"],
  gradient: ["--ll-low-2", "--ll-low-1", "--ll-healthy", "--ll-high-1", "--ll-high-2"],
};

function rgb(text: string): [number, number, number] {
  const hex = text.trim().replace("#", "");
  return [0, 2, 4].map((i) => parseInt(hex.slice(i, i + 2), 16) || 0) as [number, number, number];
}

/** 256 colours from evenly spaced ones, as R, G, B bytes. */
export function lookup(colours: readonly string[]): Uint8Array {
  const stops = colours.map(rgb);
  const table = new Uint8Array(768);
  for (let v = 0; v < 256; v++) {
    const at = (v / 255) * (stops.length - 1);
    const low = stops[Math.min(stops.length - 2, Math.floor(at))] ?? [0, 0, 0];
    const high = stops[Math.min(stops.length - 1, Math.floor(at) + 1)] ?? low;
    const share = at - Math.min(stops.length - 2, Math.floor(at));
    for (let c = 0; c < 3; c++) table[3 * v + c] = Math.round(low[c]! + (high[c]! - low[c]!) * share);
  }
  return table;
}

/** The bytes of `data` as R, G, B, A. */
export function rgba(data: Uint8Array, channels: 1 | 3, table: Uint8Array | null): Uint8ClampedArray<ArrayBuffer> {
  const pixels = data.length / channels;
  const out = new Uint8ClampedArray(new ArrayBuffer(4 * pixels));
  for (let i = 0; i < pixels; i++) {
    for (let c = 0; c < 3; c++) {
      const value = data[channels === 3 ? 3 * i + c : i]!;
      out[4 * i + c] = table && channels === 1 ? table[3 * value + c]! : value;
    }
    out[4 * i + 3] = 255;
  }
  return out;
}

export function Pixels({ data, width, height, channels = 1, size, label = "", ramp = "map", title }: PixelsProps) {
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    const element = canvas.current;
    const context = element?.getContext("2d");
    if (!element || !context || data.length < width * height * channels || !width || !height) return;
    const styles = getComputedStyle(element);
    const table = ramp === "grey" ? null : lookup(RAMPS[ramp].map((name) => styles.getPropertyValue(name)));
    context.putImageData(new ImageData(rgba(data.subarray(0, width * height * channels), channels, table), width, height), 0, 0);
  }, [data, width, height, channels, ramp]);
  return (
    <canvas
      class="ll-map"
      ref={canvas}
      width={width}
      height={height}
      title={title}
      role={label ? "img" : undefined}
      aria-label={label || undefined}
      aria-hidden={label ? undefined : true}
      style={{ height: `${size}px`, width: `${(size * width) / Math.max(1, height)}px` }}
    />
  );
}
