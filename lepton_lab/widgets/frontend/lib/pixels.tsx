// Small pictures from bytes: feature maps, samples, heat maps. Pixels are never smoothed.
import { useEffect, useMemo, useRef } from "preact/hooks";
import { pngUrl } from "./png";

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

const tables = new Map<string, Uint8Array>();
const dark = matchMedia("(prefers-color-scheme: dark)");

/** A ramp's 256 colours as an element sees them; read once a theme, since asking the style of each picture is dear. */
function tableOf(ramp: Exclude<Ramp, "grey">, element: Element): Uint8Array {
  const [body, root] = [document.body.dataset, document.documentElement.dataset];
  const key = [ramp, body.jpThemeLight, body.theme, root.jpThemeLight, root.theme, dark.matches].join();
  let table = tables.get(key);
  if (!table) {
    const styles = getComputedStyle(element);
    const colours = RAMPS[ramp].map((name) => styles.getPropertyValue(name));
    table = lookup(colours);
    if (colours.every(Boolean)) tables.set(key, table); // an element that is not in the page has no style
  }
  return table;
}

export function Pixels({ data, width, height, channels = 1, size, label = "", ramp = "map", title }: PixelsProps) {
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    const element = canvas.current;
    const context = element?.getContext("2d");
    if (!element || !context || data.length < width * height * channels || !width || !height) return;
    const table = ramp === "grey" ? null : tableOf(ramp, element);
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

/** Where the dots of `n` pictures side by side, `wide` × `high` dots each, come from; -1 in the gaps between them. */
export function rowOf(n: number, width: number, height: number, wide: number, high: number, gap: number): Int32Array {
  const whole = n * (wide + gap) - gap;
  const from = new Int32Array(whole * high).fill(-1);
  for (let y = 0; y < high; y++) {
    const row = Math.floor(((y + 0.5) * height) / high) * width;
    for (let i = 0; i < n; i++) {
      const at = y * whole + i * (wide + gap);
      for (let x = 0; x < wide; x++) from[at + x] = i * width * height + row + Math.floor(((x + 0.5) * width) / wide);
    }
  }
  return from;
}

interface RowProps {
  /** Pictures of `width` × `height` bytes. */
  maps: readonly Uint8Array[];
  width: number;
  height: number;
  /** Height on screen in CSS pixels. */
  size: number;
  /** Width of each on screen in CSS pixels; by default as its height wants it. */
  wide?: number;
  /** Between two pictures, in CSS pixels. */
  gap?: number;
}

/** Several maps side by side as one image, for views that show dozens of them (see png.ts). */
export function PixelRow({ maps, width, height, size, gap = 0, ...props }: RowProps) {
  const wide = props.wide ?? Math.max(1, Math.round((size * width) / Math.max(1, height)));
  const whole = Math.max(1, maps.length * (wide + gap) - gap);
  const scale = Math.max(1, Math.round(devicePixelRatio));
  const url = useMemo(() => {
    if (!width || !height || !maps.length) return undefined;
    const from = rowOf(maps.length, width, height, scale * wide, scale * size, scale * gap);
    const indices = new Uint8Array(from.length);
    const each = width * height;
    for (let i = 0; i < from.length; i++) {
      const place = from[i]!;
      indices[i] = place < 0 ? 255 : Math.min(254, maps[Math.floor(place / each)]![place % each]!);
    }
    return pngUrl(indices, scale * whole, scale * size, tableOf("map", document.body));
  }, [maps, width, height, size, wide, gap, scale]);
  return <img class="ll-map" src={url} alt="" draggable={false} style={{ height: `${size}px`, width: `${whole}px` }} />;
}
