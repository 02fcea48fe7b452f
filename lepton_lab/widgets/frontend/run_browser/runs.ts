// The list of runs in the browser: read, merged, searched and sorted. Pure.
import { f64 } from "../lib/floats";

export interface Run {
  id: string;
  name: string;
  project: string;
  state: string;
  device: string;
  data: string;
  note: string;
  parent: string;
  tags: string[];
  star: boolean;
  numbers: Record<string, number>;
}

const TEXTS = ["id", "name", "project", "state", "device", "data", "note", "parent", "tags", "star"] as const;

/** Rows from columns: texts as lists, all numbers in one array, one column after the other. */
export function readRuns(content: any, buffers: DataView[]): Run[] {
  const numbers = buffers[0] ? f64(buffers[0]) : new Float64Array(0);
  const n: number = content.rows;
  const runs: Run[] = [];
  for (let row = 0; row < n; row++) {
    const run = { numbers: {} } as Run;
    for (const name of TEXTS) (run as any)[name] = content.texts[name][row];
    (content.columns as string[]).forEach((name, i) => (run.numbers[name] = numbers[i * n + row]!));
    runs.push(run);
  }
  return runs;
}

/** The list with some runs replaced by what is newer; unknown ones come first. */
export function mergeRuns(runs: readonly Run[], news: readonly Run[]): Run[] {
  const fresh = new Map(news.map((run) => [run.id, run]));
  const kept = runs.map((run) => {
    const next = fresh.get(run.id);
    fresh.delete(run.id);
    return next ?? run;
  });
  return [...fresh.values(), ...kept];
}

const LIVE = new Set(["queued", "starting", "running", "paused", "stopping"]);
export const isLive = (run: Run): boolean => LIVE.has(run.state);

export interface Filter {
  text: string;
  state: string;
  project: string;
  starred: boolean;
}

export const NO_FILTER: Filter = { text: "", state: "", project: "", starred: false };

/** Words of a search, "two words" kept together, `tag:x` taken apart. */
export function terms(text: string): { field: string; word: string }[] {
  const found: { field: string; word: string }[] = [];
  for (const match of text.toLowerCase().matchAll(/(?:(tag|state|project|data):)?(?:"([^"]*)"|(\S+))/g)) {
    found.push({ field: match[1] ?? "", word: match[2] ?? match[3] ?? "" });
  }
  return found.filter((term) => term.word);
}

export function filterRuns(runs: readonly Run[], filter: Filter): Run[] {
  const wanted = terms(filter.text);
  return runs.filter((run) => {
    if (filter.starred && !run.star) return false;
    if (filter.project && run.project !== filter.project) return false;
    if (filter.state === "live" ? !isLive(run) : filter.state && run.state !== filter.state) return false;
    return wanted.every(({ field, word }) => {
      if (field === "tag") return run.tags.some((tag) => tag.toLowerCase() === word);
      if (field) return String(run[field as "state" | "project" | "data"]).toLowerCase().includes(word);
      return [run.name, run.note, run.id, run.data, run.project, ...run.tags].some((text) => text.toLowerCase().includes(word));
    });
  });
}

export interface Sorting {
  column: string;
  down: boolean;
}

const collator = new Intl.Collator("en", { numeric: true, sensitivity: "base" });

/** Sorted by any column; what has no value stands last in both directions, equals keep their order. */
export function sortRuns(runs: readonly Run[], { column, down }: Sorting): Run[] {
  const sign = down ? -1 : 1;
  if (column === "star") return [...runs].sort((a, b) => sign * (Number(a.star) - Number(b.star)));
  if (column in (runs[0] ?? {}) && column !== "numbers") {
    const text = (run: Run) => String(run[column as "name"] ?? "");
    return [...runs].sort((a, b) => {
      const [x, y] = [text(a), text(b)];
      return !x || !y ? Number(!x) - Number(!y) : sign * collator.compare(x, y);
    });
  }
  const value = (run: Run) => run.numbers[column] ?? NaN;
  return [...runs].sort((a, b) => {
    const [x, y] = [value(a), value(b)];
    if (Number.isNaN(x) || Number.isNaN(y)) return Number(Number.isNaN(x)) - Number(Number.isNaN(y));
    return sign * (x - y);
  });
}

/** Metrics that are worth a column: those of validation first, the others only where it measured none. */
export function metricColumns(runs: readonly Run[], most: number): string[] {
  const known = new Set<string>();
  const fixed = new Set(["epoch", "epochs", "step", "loss", "lr", "batch_size", "duration", "created"]);
  for (const run of runs) for (const name in run.numbers) if (!fixed.has(name) && !Number.isNaN(run.numbers[name])) known.add(name);
  const names = [...known].sort();
  const valid = names.filter((name) => name.startsWith("val_"));
  valid.sort((a, b) => Number(b === "val_loss") - Number(a === "val_loss"));
  const rest = names.filter((name) => !name.startsWith("val_") && !known.has(`val_${name}`));
  return [...valid, ...rest].slice(0, most);
}

/** Which rows of a long list are drawn. */
export function windowOf(top: number, height: number, row: number, rows: number, spare = 8): [number, number] {
  const first = Math.max(0, Math.min(rows, Math.floor(top / row) - spare));
  return [first, Math.min(rows, Math.ceil((top + height) / row) + spare)];
}
