// What a view knows of the runs it draws. Nothing here syncs: messages of the kernel are folded in, and where one does
// not fit what is there, the view asks for everything (`catch_up`).
import { f32 } from "../lib/floats";
import type { Failure } from "../lib/link";

export const AXES = ["step", "epoch", "time"] as const;
export type Axis = (typeof AXES)[number];
export type TableName = "steps" | "epochs";

export interface Status {
  state: string;
  epoch: number;
  epochs: number;
  step: number;
  steps: number;
  loss: number | null;
  metrics: Record<string, number | null>;
  lr: number | null;
  batch_size: number;
  samples_per_s: number;
  elapsed_s: number;
  eta_s: number | null;
  device: string;
  memory_bytes: number;
  best_epoch: number | null;
  message: string;
  best: Record<string, number> | null;
}

export interface RunError {
  title: string;
  detail: string;
  fix: string;
  cause: "nan" | "memory" | "error";
}

export interface About {
  name: string;
  star: boolean;
  tags: string[];
  note: string;
  recorded: boolean;
  here: boolean;
  settings: Record<string, any>;
  data: string;
  task: string;
  parent: { run: string; step: number } | null;
  network: boolean;
  error: RunError | null;
  probes: { share: number; budget: number | null } | null;
}

export interface RunEvent {
  kind: string;
  message: string;
  at: number;
  [key: string]: any;
}

export interface StartState {
  can: boolean;
  why: string;
  settings: { epochs?: number; lr?: number; batch_size?: number };
  again: boolean;
}

/** What the doctor finds most important in the first run. */
export interface Finding {
  title: string;
  detail: string;
  severity: string;
}

/** Forks on their way, and why the last one that failed has failed. */
export interface Forking {
  pending: number;
  failed: (Failure & { number: number }) | null;
}

interface TableNews {
  name: TableName;
  level: number;
  from: number;
  rows: number;
  complete: number;
  total: number;
  columns: string[];
}

export interface RunNews {
  id: string;
  generation: number;
  status?: Status;
  about?: About;
  events?: RunEvent[];
  anew?: boolean;
  tables?: TableNews[];
}

/** Blocks of 2 ** level rows: the columns of the axes, means under the columns' names, and from level 1 on the extremes
 * under "low …" and "high …". Blocks from number `complete` on may still change. */
export interface Table {
  level: number;
  complete: number;
  total: number;
  columns: Map<string, Float32Array>;
}

export interface RunData {
  id: string;
  generation: number;
  status: Status | null;
  about: About | null;
  events: RunEvent[];
  tables: Record<TableName, Table>;
}

const empty = (): Table => ({ level: 0, complete: 0, total: 0, columns: new Map() });

const isAxis = (name: string): boolean => (AXES as readonly string[]).includes(name);

/** The columns of a buffer that holds them one after the other. */
export function unpack(names: readonly string[], rows: number, buffer: Float32Array): Map<string, Float32Array> {
  return new Map(names.map((name, i) => [name, buffer.subarray(i * rows, (i + 1) * rows)]));
}

function mean(a: number, b: number): number {
  return Number.isNaN(a) ? b : Number.isNaN(b) ? a : (a + b) / 2;
}

/** Two complete blocks into one, as often as needed; an odd block at the end is dropped, since it is open now. */
export function fold(table: Table, level: number): Table {
  let { complete, columns } = table;
  for (let at = table.level; at < level; at++) {
    const half = complete >> 1;
    const next = new Map<string, Float32Array>();
    for (const [name, values] of columns) {
      const out = new Float32Array(half);
      const part = name.startsWith("low ") ? Math.min : name.startsWith("high ") ? Math.max : mean;
      for (let i = 0; i < half; i++) {
        const [a, b] = [values[2 * i]!, values[2 * i + 1]!];
        if (isAxis(name)) out[i] = b;
        else out[i] = part === mean || Number.isNaN(a) || Number.isNaN(b) ? mean(a, b) : part(a, b);
      }
      next.set(name, out);
      if (at === 0 && !isAxis(name)) {
        next.set(`low ${name}`, out.map((_, i) => least(values[2 * i]!, values[2 * i + 1]!)));
        next.set(`high ${name}`, out.map((_, i) => -least(-values[2 * i]!, -values[2 * i + 1]!)));
      }
    }
    columns = next;
    complete = half;
  }
  return { ...table, level, complete, columns };
}

function least(a: number, b: number): number {
  return Number.isNaN(a) ? b : Number.isNaN(b) ? a : Math.min(a, b);
}

/** The table with the blocks of a message in it; null where blocks between the two are missing. */
export function extend(table: Table, news: TableNews, buffer: Float32Array): Table | null {
  if (news.total < table.total) return table; // older than what is there
  const base = news.level > table.level ? fold(table, news.level) : table;
  if (news.level < base.level || (news.from > 0 && news.from > base.complete)) return null;
  const fresh = unpack(news.columns, news.rows, buffer);
  const columns = new Map<string, Float32Array>();
  for (const [name, values] of fresh) {
    const out = new Float32Array(news.from + news.rows);
    const old = base.columns.get(name);
    if (old) out.set(old.subarray(0, news.from));
    else if (news.from) return null;
    out.set(values, news.from);
    columns.set(name, out);
  }
  return { level: news.level, complete: news.complete, total: news.total, columns };
}

export class Store {
  runs = new Map<string, RunData>();
  start: StartState = { can: false, why: "", settings: {}, again: false };
  finding: Finding | null = null;
  forking: Forking = { pending: 0, failed: null };

  /** Folds a message in; false where something was missed before it. */
  apply(content: { runs?: RunNews[]; start?: StartState; finding?: Finding | null; forking?: Forking }, buffers: DataView[]): boolean {
    let whole = true;
    let next = 0;
    if (content.start) this.start = content.start;
    if (content.finding !== undefined) this.finding = content.finding;
    if (content.forking) this.forking = content.forking;
    for (const news of content.runs ?? []) {
      const tables = (news.tables ?? []).map((table) => ({ table, buffer: buffers[next++] }));
      let run = this.runs.get(news.id);
      if (!run || run.generation !== news.generation) {
        if (!news.anew) {
          whole = false;
          continue;
        }
        run = { id: news.id, generation: news.generation, status: null, about: null, events: [], tables: { steps: empty(), epochs: empty() } };
      }
      const changed: RunData = { ...run, tables: { ...run.tables } };
      if (news.status) changed.status = news.status;
      if (news.about) changed.about = news.about;
      if (news.events) changed.events = news.anew ? news.events : [...run.events, ...news.events];
      for (const { table, buffer } of tables) {
        const extended = buffer ? extend(changed.tables[table.name], table, f32(buffer)) : null;
        if (extended) changed.tables[table.name] = extended;
        else whole = false;
      }
      this.runs.set(news.id, changed);
    }
    return whole;
  }

  /** What a person may be waiting for: states, what can be started, findings, and whether there are curves. */
  told(): string {
    const runs = [...this.runs.values()].map((run) => [
      run.id, run.generation, run.status?.state, run.status?.lr, run.status?.batch_size, run.about, run.events.length,
      run.tables.steps.total > 0,
    ]);
    return JSON.stringify([runs, this.start, this.finding, this.forking]);
  }

  /** Forgets the runs that are not drawn any more. */
  keep(ids: readonly string[]): void {
    for (const id of [...this.runs.keys()]) if (!ids.includes(id)) this.runs.delete(id);
  }
}
