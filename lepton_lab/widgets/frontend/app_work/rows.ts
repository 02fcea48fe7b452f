// The rows that the kernel sends, and the pure parts: merging, sorting, searching, and when something was.
import { num, percent } from "../lib/format";
import { app_work as t } from "../strings/en/app_work";

export interface Run {
  id: string;
  name: string;
  star: boolean;
  state: string;
  live: boolean;
  epoch: number;
  epochs: number;
  metric: string;
  best: number | null;
  spark: number[];
  when: number;
  duration: number | null;
  message: string;
}

export interface Project {
  id: string;
  title: string;
  door: string;
  data: { name: string; form: string; samples: number; classes: number } | null;
  network: boolean;
  when: number;
  runs: number;
  run: Run | null;
}

export interface Work {
  projects: Project[];
  runs: Record<string, Run[]>;
}

export type Sorting = keyof typeof t.sorts;

/** What was there, with what changed; `ids` says which projects there are, in their order. */
export function merge(old: Work, news: { ids: string[]; projects: Project[]; runs: Record<string, Run[]> }): Work {
  const byId = new Map([...old.projects, ...news.projects].map((project) => [project.id, project]));
  const projects = news.ids.map((id) => byId.get(id)).filter((project) => project !== undefined);
  return { projects, runs: { ...old.runs, ...news.runs } };
}

const SHARES = /^(accuracy|auroc|f1|precision|recall|top_|r2)/;
const base = (metric: string) => metric.replace(/^val_/, "");

/** A result as number and unit: "96.0 %" and "correct"; null before the first round has ended. */
export function result(run: Run | null): { value: string; unit: string } | null {
  if (!run || run.best === null) return null;
  const name = base(run.metric);
  return { value: SHARES.test(name) ? percent(run.best) : num(run.best, run.best >= 100 ? 0 : 3), unit: t.metric(name) };
}

/** How good, for sorting: shares by their size, errors the other way and behind all shares. */
function goodness(project: Project): number {
  const run = project.run;
  if (!run || run.best === null) return -Infinity;
  return SHARES.test(base(run.metric)) ? 1 + run.best : -run.best;
}

export function sorted(projects: readonly Project[], by: Sorting): Project[] {
  const copy = [...projects];
  if (by === "name") return copy.sort((a, b) => a.title.localeCompare(b.title, undefined, { numeric: true }));
  if (by === "result") return copy.sort((a, b) => goodness(b) - goodness(a));
  if (by === "runs") return copy.sort((a, b) => b.runs - a.runs);
  return copy.sort((a, b) => Number(b.run?.live ?? false) - Number(a.run?.live ?? false) || b.when - a.when);
}

export function found(projects: readonly Project[], text: string): Project[] {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  return projects.filter((project) => {
    const all = `${project.title} ${dataWords(project)} ${stateWords(project)}`.toLowerCase();
    return words.every((word) => all.includes(word));
  });
}

export function dataWords(project: Project): string {
  const { data, door } = project;
  return data ? t.data(t.door[door] ?? data.name, data.form, data.samples, data.classes) : t.noData;
}

/** A run's state in plain words, with its rounds where they say something. */
export function runWords(run: Run): string {
  const words = t.state[run.state] ?? run.state;
  const rounds = ["running", "paused", "stopped", "interrupted"].includes(run.state) && run.epochs > 0;
  const at = run.state === "running" ? Math.min(run.epoch + 1, run.epochs) : run.epoch;
  return rounds ? `${words}, ${t.round(at, run.epochs)}` : words;
}

export function stateWords(project: Project): string {
  if (project.run) return runWords(project.run);
  return project.network ? t.untrained : t.noNetwork;
}

export function mark(run: Run | null): "live" | "ok" | "warn" | "bad" | "" {
  if (!run) return "";
  if (run.live) return run.state === "paused" ? "" : "live";
  return ({ finished: "ok", failed: "bad", interrupted: "warn" } as const)[run.state as "finished"] ?? "";
}

const two = (n: number) => String(n).padStart(2, "0");

/** "now", "today, 16:40", "yesterday, 16:40", "18 Nov", "18 Nov 2025". */
export function when(seconds: number, now: Date, live = false): string {
  if (live) return t.now;
  const then = new Date(1000 * seconds);
  const time = `${two(then.getHours())}:${two(then.getMinutes())}`;
  const day = (date: Date) => new Date(date.getFullYear(), date.getMonth(), date.getDate()).getTime();
  const days = Math.round((day(now) - day(then)) / 86_400_000);
  if (days === 0) return t.today(time);
  if (days === 1) return t.yesterday(time);
  const year = then.getFullYear() === now.getFullYear() ? undefined : ("numeric" as const);
  return then.toLocaleDateString("en-GB", { day: "numeric", month: "short", year });
}

/** The path of a small curve in a box of `width` by `height`; empty for fewer than two points. */
export function sparkPath(values: readonly number[], width: number, height: number): string {
  if (values.length < 2) return "";
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const y = (v: number) => (high > low ? height - 3 - ((v - low) / (high - low)) * (height - 6) : height / 2);
  return `M${values.map((v, i) => `${(2 + (i / (values.length - 1)) * (width - 4)).toFixed(1)} ${y(v).toFixed(1)}`).join("L")}`;
}
