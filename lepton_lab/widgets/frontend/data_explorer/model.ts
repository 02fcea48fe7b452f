// What the kernel sends, and the pure parts: augmentation as settings, captions, bars.
import { data_explorer as t } from "../strings/en/data_explorer";
import { num } from "../lib/format";

export interface Overview {
  name: string;
  form: "image" | "sound" | "text" | "table" | "numbers";
  source: { title: string; detail: string; icon: "folder" | "table" | "grid" };
  task: string;
  classes: string[];
  target: string;
  targets: string[];
  shape: number[];
  counts: Record<string, number>;
  steps: { title: string; detail: string }[];
  memory: { where: string; bytes: number };
  code: string;
  split: SplitOptions;
  balance: string;
  augmentation: Step[];
  table: boolean;
  used: Record<string, string>;
  balanceable: boolean;
  undo: number;
  version: number;
}

export interface SplitOptions {
  why: string;
  valid: number | null;
  test: number | null;
  seed: number;
  stratified: boolean;
  classification: boolean;
}

export interface Shown {
  form: string;
  labels: string[];
  width?: number;
  height?: number;
  channels?: 1 | 3;
  texts?: string[];
  columns?: string[];
  cells?: string[][];
}

export interface Samples extends Shown {
  split: string;
  first: number;
  total: number;
  groups: { name: string; count: number; rows: number[] }[];
  even: number | null;
  regression: boolean;
  most: number;
}

export interface Finding {
  severity: "error" | "warning" | "info";
  code: string;
  message: string;
  suggestion: string;
  remedy: string;
  shows: boolean;
  beside: { buffer?: number; pairs?: number; width?: number; height?: number; channels?: 1 | 3 };
}

export interface Report {
  findings: Finding[];
  clean: string[];
  balance: { name: string; count: number }[];
  mirror: [string, number, number] | null;
}

export interface Issue {
  severity: "error" | "warning" | "info";
  title: string;
  detail: string;
  label: string;
  change: string;
}

export interface Column {
  name: string;
  kind: string;
  role: string;
  missing: number;
  unique: number;
  histogram: number[];
  low: string;
  high: string;
  middle: string;
  top: [string, number][];
  tells: number | null;
  issues: Issue[];
}

export interface Table {
  rows: number;
  duplicates: number;
  notes: { encoding?: string; delimiter?: string };
  columns: Column[];
}

export interface Step {
  kind: string;
  [option: string]: number | string | number[];
}

/** The augmentation as a person sets it; `rest` are steps that have no slider. */
export interface Settings {
  turn: number;
  shift: number;
  zoom: number;
  colour: number;
  cover: number;
  on: Record<Transform, boolean>;
  shear: number;
  rest: Step[];
}

export type Transform = "turn" | "shift" | "zoom" | "mirror" | "colour" | "cover";

export const NOTHING: Settings = {
  turn: 10,
  shift: 2,
  zoom: 10,
  colour: 20,
  cover: 25,
  on: { turn: true, shift: true, zoom: true, mirror: false, colour: false, cover: false },
  shear: 0,
  rest: [],
};

/** Settings as the steps of an augmentation; `side` is the image's in pixels. */
export function toSteps(s: Settings, side: number): Step[] {
  const steps: Step[] = [];
  if (s.on.mirror) steps.push({ kind: "flip", p: 0.5 });
  const moves = s.on.turn || s.on.shift || s.on.zoom || s.shear > 0;
  if (moves) {
    const high = s.on.zoom ? 1 + s.zoom / 100 : 1;
    steps.push({
      kind: "affine",
      degrees: s.on.turn ? s.turn : 0,
      translate: s.on.shift ? Math.min(1, s.shift / side) : 0,
      scale: [s.on.zoom ? 1 - Math.min(0.95, s.zoom / 100) : 1, high],
      shear: s.shear,
    });
  }
  if (s.on.colour) steps.push({ kind: "color", brightness: s.colour / 100, contrast: s.colour / 100, saturation: s.colour / 100, hue: 0 });
  if (s.on.cover) steps.push({ kind: "erase", p: s.cover / 100, area: [0.02, 0.2] });
  return [...steps, ...s.rest];
}

/** The steps that are in force as settings. */
export function toSettings(steps: readonly Step[], side: number): Settings {
  const s: Settings = { ...NOTHING, on: { ...NOTHING.on }, rest: [] };
  if (!steps.length) return s;
  for (const name of Object.keys(s.on) as Transform[]) s.on[name] = false;
  for (const step of steps) {
    const n = (key: string) => Number(step[key] ?? 0);
    if (step.kind === "flip" && n("p") === 0.5) s.on.mirror = true;
    else if (step.kind === "affine" || step.kind === "rotate") {
      const scale = (step.scale as number[] | undefined) ?? [1, 1];
      if (n("degrees")) [s.turn, s.on.turn] = [n("degrees"), true];
      if (n("translate")) [s.shift, s.on.shift] = [Math.round(n("translate") * side), true];
      if (scale[1] !== 1 || scale[0] !== 1) [s.zoom, s.on.zoom] = [Math.round(100 * Math.max(scale[1]! - 1, 1 - scale[0]!)), true];
      s.shear = n("shear");
    } else if (step.kind === "color" && !n("hue")) [s.colour, s.on.colour] = [Math.round(100 * n("brightness")), true];
    else if (step.kind === "erase") [s.cover, s.on.cover] = [Math.round(100 * n("p")), true];
    else s.rest.push(step);
  }
  return s;
}

const signed = (x: number) => (x < 0 ? `−${-x}` : x > 0 ? `+${x}` : "0");

/** What was drawn for one picture, in one or two short lines. */
export function caption(drawn: readonly Record<string, number>[]): string[] {
  const all: Record<string, number> = Object.assign({}, ...drawn);
  const turned: string[] = [];
  if (all.degrees !== undefined && Math.round(all.degrees) !== 0) turned.push(`${signed(Math.round(all.degrees))}°`);
  if (all.scale !== undefined && Math.abs(all.scale - 1) >= 0.005) turned.push(`× ${num(all.scale, 2)}`);
  const moved: string[] = [];
  const [right, down] = [Math.round(all.right ?? 0), Math.round(all.down ?? 0)];
  if (right || down) moved.push(`${signed(right)}, ${signed(down)} px`);
  if (all.mirrored) moved.push(t.mirrored);
  if (all.brightness !== undefined) moved.push(t.brightness(num(all.brightness, 2)));
  if (all.erased) moved.push(t.covered(`${Math.round(100 * all.erased)} %`));
  const lines = [turned.join(", "), moved.join(", ")].filter(Boolean);
  return lines.length ? lines : [t.plain];
}

/** Where the bars of shares end: so that the fullest and the line of an even share both fit. */
export function scaleTop(most: number, total: number, even: number | null): number {
  return Math.max((1.07 * most) / Math.max(1, total), 1.2 * (even ?? 0), 1e-9);
}

/** The picture at a place in a run of equal ones. */
export function cut(bytes: Uint8Array, at: number, shown: Shown): Uint8Array {
  const size = (shown.width ?? 0) * (shown.height ?? 0) * (shown.channels ?? 1);
  return bytes.subarray(at * size, (at + 1) * size);
}

/** The least and the most frequent class that there is. */
export function extremes(balance: readonly { name: string; count: number }[]): [number, number] | null {
  const present = balance.map((entry, i) => [entry.count, i] as const).filter(([count]) => count > 0);
  if (present.length < 2) return null;
  const by = [...present].sort((a, b) => a[0] - b[0] || a[1] - b[1]);
  return [by[0]![1], by[by.length - 1]![1]];
}

/** Orders for the cleaning that is suggested for each used column. */
export function suggestions(columns: readonly Column[]): [string, string][] {
  const found: [string, string][] = [];
  for (const column of columns) {
    const open = column.issues.filter((issue) => issue.severity !== "info" && issue.change);
    const gone = open.some((issue) => issue.change === "leave_out");
    for (const issue of open) if (!gone || issue.change === "leave_out") found.push([issue.change, column.name]);
  }
  return found;
}

const IN_COLUMNS = new Set(["leaking_feature", "missing_values", "id_column", "constant_column", "empty_column", "free_text", "many_categories", "constant_feature"]);

/** Whether a finding is told beside its column too. */
export const aboutColumns = (code: string): boolean => IN_COLUMNS.has(code);

const LONG = 80;

/** What was found, and the rest: a message's first sentence, or what stands before a list. */
export function headline(finding: Pick<Finding, "message" | "suggestion">): [string, string] {
  const { message, suggestion } = finding;
  let at = message.search(/\.\s+[A-Z]/);
  const list = message.indexOf(": ");
  if (message.length > LONG && list > 0 && (at < 0 || list < at)) at = list;
  const title = at > 0 ? message.slice(0, at) : message.replace(/\.$/, "");
  const rest = at > 0 ? message.slice(at + 2) : "";
  return [title, [rest, suggestion].filter(Boolean).join(" ")];
}
