// What the kernel sends, and the pure parts: times in words, and the shapes of the small drawings.
import { app_network as t } from "../strings/en/app_network";

export interface Block {
  side: number;
  width: number;
  kind: "input" | "layer" | "skip" | "read";
}

export interface Costs {
  parameters: number;
  memory: number;
  seconds: number | null;
}

export interface Size extends Costs {
  size: string;
  title: string;
  current: boolean;
  drawing: Block[];
}

export interface Template {
  name: string;
  title: string;
  text: string;
  sizes: Size[];
}

export interface Problem {
  path: string;
  title: string;
  detail: string;
  fixes: { label: string }[];
}

export interface State {
  project: string;
  busy: string;
  form: string;
  templates: Template[];
  now: { name: string; layers: number; costs: Costs | null; drawing: Block[] } | null;
  problem: Problem | null;
  undo: string;
  measured: boolean;
  samples: number;
  live: boolean;
}

/** Seconds as an estimate: "< 0.1 s", "≈ 0.4 s", "≈ 12 s", "≈ 3 min", "≈ 1.5 h"; "…" while they are not known. */
export function about(seconds: number | null): string {
  if (seconds === null) return t.unknown;
  if (seconds < 0.1) return t.under;
  if (seconds < 0.95) return t.about(t.s(seconds.toFixed(1)));
  if (seconds < 90) return t.about(t.s(String(seconds < 20 ? Math.round(seconds) : 5 * Math.round(seconds / 5))));
  if (seconds < 5400) return t.about(t.min(String(Math.round(seconds / 60))));
  return t.about(t.h((seconds / 3600).toFixed(seconds < 36_000 ? 1 : 0)));
}

const MIB = 1024 ** 2;

/** Bytes as an estimate, to two digits: "< 1 MiB", "≈ 9.1 MiB", "≈ 140 MiB", "≈ 1.3 GiB". */
export function aboutBytes(n: number): string {
  if (n < MIB) return t.littleMemory;
  const [size, unit] = n < 1000 * MIB ? [n / MIB, "MiB"] : [n / (1024 * MIB), "GiB"];
  return t.about(`${Number(size.toPrecision(2))} ${unit}`);
}

export interface Drawn {
  x: number;
  y: number;
  width: number;
  height: number;
  kind: Block["kind"];
  what: string;
}

export const HEIGHT = 72;
const GAP = 6;

/** Where the blocks of a drawing stand: maps as slabs, as high as they are wide in pixels and as thick as they have
 * channels; vectors as bars, as high as they have numbers. Sizes grow with the root and the logarithm, to fit. */
export function layout(blocks: readonly Block[]): { drawn: Drawn[]; width: number } {
  const most = Math.max(1, ...blocks.map((block) => block.side));
  let x = 1;
  const drawn = blocks.map((block) => {
    const map = block.side > 0;
    const height = map ? Math.max(10, (HEIGHT - 8) * Math.sqrt(block.side / most)) : Math.min(HEIGHT - 8, 6 + 7 * Math.log2(1 + block.width));
    const width = map ? 5 + 2.4 * Math.log2(1 + block.width) : 6;
    const found = { x, y: (HEIGHT - height) / 2, width, height, kind: block.kind, what: words(block) };
    x += width + GAP;
    return found;
  });
  return { drawn, width: x - GAP + 1 };
}

function words(block: Block): string {
  if (!block.side) return t.vector(block.width);
  return block.kind === "read" ? t.steps(block.side, block.width) : t.map(block.side, block.width);
}
