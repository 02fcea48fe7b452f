// What the kernel says of a network, and pure questions about it.
import { network_builder as words } from "../strings/en/network_builder";

export interface Parameter {
  name: string;
  control: "whole" | "number" | "switch" | "choice" | "text" | "sizes" | "any";
  help: string;
  required: boolean;
  default: unknown;
  least: number | null;
  most: number | null;
  words: string[];
  empty: boolean;
  lengths: number[];
}

export interface Kind {
  group: string;
  glyph: string;
  summary: string;
  formula: string;
  source: string;
  block: boolean;
  parameters: Parameter[];
}

export interface Palette {
  groups: { name: string; kinds: string[] }[];
  kinds: Record<string, Kind>;
  templates: { name: string; what: string }[];
}

export interface Fix {
  label: string;
  fix: unknown;
}

export interface Problem {
  path: string;
  title: string;
  detail: string;
  fixes: Fix[];
}

export interface Card {
  path: string;
  name: string;
  kind: string;
  what: string;
  values: Record<string, unknown>;
  input: number[] | null;
  output: number[] | null;
  state: "ok" | "fault" | "holds" | "waits";
  waits: string;
  expected?: { output: number[]; parameters: number };
  parameters?: number;
  multiply_adds?: number;
  activation_bytes?: number;
  field?: number[];
  lists?: List[];
}

export interface List {
  path: string;
  name: string;
  layers: Card[];
}

export interface State {
  version: number;
  name: string;
  input: { shape: number[] | null; dtype: string };
  layers: Card[];
  problem: Problem | null;
  total: {
    layers: number;
    parameters: number;
    /** Parameters of the whole network, those expected after the first fix where it is not valid. */
    share_of: number;
    multiply_adds: number;
    memory: number | null;
    batch_size: number;
    complete: boolean;
  };
  undo: boolean;
  redo: boolean;
  notes: string[];
  kinds: number;
  data: { name: string; task: string } | null;
  train: string;
}

/** Paths of the cards that can be seen, from top to bottom. */
export function visiblePaths(layers: readonly Card[], folded: ReadonlySet<string>): string[] {
  return layers.flatMap((card) => [
    card.path,
    ...(card.lists && !folded.has(card.path) ? card.lists.flatMap((list) => visiblePaths(list.layers, folded)) : []),
  ]);
}

export function findCard(layers: readonly Card[], path: string): Card | null {
  for (const card of layers) {
    if (card.path === path) return card;
    if (!path.startsWith(`${card.path}/`)) continue;
    for (const list of card.lists ?? []) {
      const found = findCard(list.layers, path);
      if (found) return found;
    }
  }
  return null;
}

/** The selection after a click: Ctrl adds or takes away one, Shift everything in between. */
export function selected(
  now: readonly string[],
  path: string,
  order: readonly string[],
  how: { ctrl: boolean; shift: boolean },
): string[] {
  if (how.ctrl) return now.includes(path) ? now.filter((p) => p !== path) : [...now.filter((p) => !p.endsWith("/")), path];
  const anchor = now[0];
  if (how.shift && anchor && order.includes(anchor)) {
    const [a, b] = [order.indexOf(anchor), order.indexOf(path)];
    const between = order.slice(Math.min(a, b), Math.max(a, b) + 1);
    const holder = parent(path);
    const level = between.filter((p) => parent(p) === holder);
    return [anchor, ...level.filter((p) => p !== anchor)];
  }
  return [path];
}

export const parent = (path: string): string => path.slice(0, Math.max(0, path.lastIndexOf("/")));

/** The kinds whose name or summary has all the words; those whose name begins with them first. */
export function matches(palette: Palette, text: string): string[] {
  const wanted = text.toLowerCase().split(/\s+/).filter(Boolean);
  const rank = (kind: string) => {
    const name = kind.toLowerCase();
    if (wanted.every((word) => name.startsWith(word))) return 0;
    if (wanted.every((word) => name.includes(word))) return 1;
    const all = `${name} ${palette.kinds[kind]?.summary ?? ""}`.toLowerCase();
    return wanted.every((word) => all.includes(word)) ? 2 : 3;
  };
  const kinds = palette.groups.flatMap((group) => group.kinds);
  return kinds
    .map((kind, at) => ({ kind, at, rank: rank(kind) }))
    .filter((found) => found.rank < 3)
    .sort((a, b) => a.rank - b.rank || a.kind.length - b.kind.length || a.at - b.at)
    .map((found) => found.kind);
}

/** A value as its field shows it. */
export function shown(value: unknown): string {
  if (value === null || value === undefined) return "";
  return Array.isArray(value) ? value.join(", ") : typeof value === "object" ? JSON.stringify(value) : String(value);
}

export type Read = { value: unknown } | { problem: string };

/** What somebody typed, as the parameter's value; or what is wrong with it, in words. */
export function read(parameter: Parameter, typed: string): Read {
  const text = typed.trim();
  if (text === "" && (parameter.empty || parameter.control === "text")) return { value: parameter.empty ? null : "" };
  if (parameter.words.includes(text)) return { value: text };
  switch (parameter.control) {
    case "whole":
      if (!/^[+-]?\d+$/.test(text)) return { problem: words.needsNumber };
      return within(parameter, Number(text));
    case "number": {
      const number = Number(text);
      if (text === "" || !Number.isFinite(number)) return { problem: words.needsReal };
      return within(parameter, number);
    }
    case "sizes": {
      const parts = text.replace(/[()[\]]/g, "").split(/\s*[,×x\s]\s*/).filter(Boolean);
      const fits = parameter.lengths.includes(parts.length) || parameter.lengths.includes(0);
      if (!parts.length || !fits || parts.some((part) => !/^[+-]?\d+$/.test(part))) return { problem: needs(parameter) };
      const numbers = parts.map(Number);
      for (const number of numbers) {
        const found = within(parameter, number);
        if ("problem" in found) return found;
      }
      return { value: numbers.length === 1 && parameter.lengths.includes(1) ? numbers[0] : numbers };
    }
    case "any":
      try {
        return { value: JSON.parse(text) };
      } catch {
        return { value: text };
      }
    default:
      return { value: text };
  }
}

function within(parameter: Parameter, number: number): Read {
  const { least, most } = parameter;
  if ((least === null || number >= least) && (most === null || number <= most)) return { value: number };
  if (least !== null && most !== null) return { problem: words.between(String(least), String(most)) };
  return { problem: least !== null ? words.atLeast(String(least)) : words.atMost(String(most)) };
}

function needs(parameter: Parameter): string {
  const ways = parameter.lengths.map((n) => (n === 0 ? words.anySizes : n === 1 ? words.one : words.several(n)));
  return words.needsSizes([...parameter.words, ...ways].join(" or "));
}

/** The parameters that stand in sight, and those behind "more". */
export function divided(parameters: readonly Parameter[], values: Record<string, unknown>): [Parameter[], Parameter[]] {
  const front = parameters.filter(
    (p, at) => p.required || p.name in values || (at < 4 && !p.empty) || p.name === "bias" || p.name === "activation",
  );
  return [front, parameters.filter((p) => !front.includes(p))];
}

/** How the size of a window's output comes about, for layers that slide over images: the rule, and its numbers. */
export function outputSize(card: Card): { rule: string; numbers: string; result: string } | null {
  const { values, input, output } = card;
  if (!/^(Conv|MaxPool|AvgPool|DepthwiseConv|SeparableConv)\w*2d$/.test(card.kind) || card.kind.startsWith("ConvT")) return null;
  if (!input || !output || input.length !== 3 || output.length !== 3) return null;
  const first = (value: unknown, other: number): number =>
    Array.isArray(value) ? Number(value[0]) : typeof value === "number" ? value : other;
  const k = first(values.kernel_size, 2);
  const s = values.stride == null ? (card.kind.includes("Pool") ? k : 1) : first(values.stride, 1);
  const d = first(values.dilation, 1);
  if (values.padding === "same") {
    return { rule: "H' = ⌈H / s⌉", numbers: `⌈${input[1]} / ${s}⌉`, result: String(output[1]) };
  }
  const p = values.padding === "valid" ? 0 : first(values.padding, 0);
  const window = d === 1 ? `${k}` : `${d}·(${k} − 1) − 1`;
  return {
    rule: d === 1 ? "H' = ⌊(H + 2p − k) / s⌋ + 1" : "H' = ⌊(H + 2p − d·(k − 1) − 1) / s⌋ + 1",
    numbers: `⌊(${input[1]} + ${2 * p} − ${window}) / ${s}⌋ + 1`,
    result: String(output[1]),
  };
}

/** Where a dragged card goes, as the kernel counts: in the list as it was before the move. */
export function target(from: string, to: string, oldIndex: number, newIndex: number): number {
  return from === to && newIndex > oldIndex ? newIndex + 1 : newIndex;
}
