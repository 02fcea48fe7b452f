// What the page is given, and the parts of it that need no browser.
import type { Chosen } from "../lib/handoff";

export interface Action {
  label: string;
  do: string;
  column: string;
  value: unknown;
}

export interface Said {
  title: string;
  detail: string;
  fix: string;
  actions: Action[];
}

export interface Warn extends Said {
  code: string;
  severity: "error" | "warning" | "info";
  column: string;
}

export interface Column {
  name: string;
  kind: string;
  role: "target" | "feature" | "off";
  missing: number;
  share: number;
  unique: number;
  histogram: number[];
  low: string;
  high: string;
  middle: string;
  top: [string, number][];
  fills: string;
  cannot: string;
  mark: string;
}

export interface Preview {
  first: number;
  total: number;
  numbers: number[];
  cells: (string | null)[][];
  changed: [number, number][];
  marks: Record<string, number[]>;
}

export interface Task {
  title: string;
  term: string;
  kind: "classification" | "regression" | "";
  kinds: { name: string; count: number; share: number }[];
  more?: number;
  other: "classification" | "regression" | "";
}

export interface Reading {
  text: boolean;
  encoding: string | null;
  delimiter: string | null;
  header: boolean | null;
  quotes: boolean | null;
  chosen: string[];
}

export interface Look {
  rows: number;
  width: number;
  bytes: number;
  columns: Column[];
  hidden: number;
  preview: Preview;
  target: string;
  reason: string;
  task: Task;
  warnings: Warn[];
  recommended: number;
  done: { do: string; column: string; label: string }[];
  reading: Reading;
  split: { valid: number; test: number; seed: number; stratified: boolean; counts: Record<"train" | "valid" | "test", number> };
  waiting: string;
}

export interface Page {
  upload: string;
  files: string[];
  file: string;
  undo: number;
  title: string;
  problem: Said | null;
  look: Look | null;
  asked?: Omit<Reading, "text" | "chosen"> | null;
}

/** A column of the preview: of the file, or one that a cleaning put beside it. */
export interface Shown {
  name: string;
  column: Column;
  added: boolean;
}

/** The columns as they are drawn: each mark stands right of what it marks. */
export function shownColumns(columns: readonly Column[]): Shown[] {
  return columns.flatMap((column) => [
    { name: column.name, column, added: false },
    ...(column.mark ? [{ name: column.mark, column, added: true }] : []),
  ]);
}

const TABLE = /\.(csv|tsv|txt|tab|data|dat|parquet|pq|zip)$/i;
const MOST_FILES = 20;

/** Which of the files that a person brought are sent: one whatever it is called, of several those called like tables. */
export function toSend(files: readonly Chosen[], largest: number): { files: Chosen[] } | { tooLarge: Chosen } | { none: true } {
  const wanted = files.length === 1 ? [...files] : files.filter(({ path }) => TABLE.test(path)).slice(0, MOST_FILES);
  if (!wanted.length) return { none: true };
  const tooLarge = wanted.find(({ file }) => file.size > largest);
  return tooLarge ? { tooLarge } : { files: wanted };
}

/** Bars of a histogram as one path, in a box of `width` by `height`. */
export function bars(histogram: readonly number[], width: number, height: number): string {
  const most = Math.max(...histogram, 1);
  const each = width / Math.max(histogram.length, 1);
  return histogram
    .map((n, i) => {
      if (n <= 0) return "";
      const tall = Math.max(1, (height * n) / most);
      return `M${(i * each).toFixed(2)} ${height}v${(-tall).toFixed(2)}h${Math.max(0.5, each - 0.5).toFixed(2)}v${tall.toFixed(2)}z`;
    })
    .join("");
}

/** What is drawn of a column of words: the shares of the most frequent, and what is left. */
export function shares(top: readonly [string, number][]): { word: string; share: number }[] {
  const shown = top.map(([word, share]) => ({ word, share }));
  const rest = 1 - shown.reduce((sum, { share }) => sum + share, 0);
  return rest > 0.005 ? [...shown, { word: "", share: rest }] : shown;
}

/** Warnings that ask for a decision, and those that only tell. */
export function parted(warnings: readonly Warn[]): { open: Warn[]; told: Warn[] } {
  return { open: warnings.filter((w) => w.severity !== "info"), told: warnings.filter((w) => w.severity === "info") };
}

/** The two shares after one was moved, so that half of the rows are left to learn from. */
export function splitAfter(split: { valid: number; test: number }, part: "valid" | "test", share: number): { valid: number; test: number } {
  const other = part === "valid" ? "test" : "valid";
  const value = Math.min(0.4, Math.max(0.05, Math.round(share * 100) / 100));
  return { ...split, [part]: value, [other]: Math.min(split[other], Math.round((0.5 - value + 1e-9) * 100) / 100) } as { valid: number; test: number };
}

/** Whether pasted text looks like a table at all. */
export function hasCells(text: string): boolean {
  const lines = text.split(/\r?\n/).filter((line) => line.trim());
  return lines.length > 1;
}
