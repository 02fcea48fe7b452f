// What the kernel says of the page, and the pure parts: which buttons there are, the time that is left, the curves.
import type { Series } from "../lib/chart_data";
import type { Mark } from "../lib/chart_draw";
import type { IconName } from "../lib/icons";
import { num, percent } from "../lib/format";
import { app_train as t } from "../strings/en/app_train";
import { bestMark, curvesOf, scaleOf } from "../training_monitor/curves";
import type { RunData, Status } from "../training_monitor/store";

export interface View {
  headline?: string;
  line?: [string, string, string] | [];
  note?: string;
  missing: { title: string; detail: string; page: string } | null;
  problem?: { cause: string; detail: string; lr: number | null };
  hint?: Hint;
  try?: { label: string; text: string; ended: boolean; better: boolean | null };
  mistakes?: number;
  chart?: { column: string; regression: boolean; noun: string; target: string; guess: number | null };
  network?: [string, number | null];
  changed?: boolean;
  others?: number;
  workspace: string;
}

export interface Hint {
  strong: string;
  rest: string;
  detail: string;
  why: string;
  rule: string;
  layer: string | null;
  severity: string;
  fix?: { index: number; label: string };
}

export interface Settings {
  epochs: number;
  lr: number;
  batch_size: number;
  optimizer: string;
  schedule: string;
  restore_best: boolean;
  patience: number | null;
  augmentation: boolean | null;
  optimizers: string[];
  schedules: string[];
}

export interface Action {
  op: string;
  args?: Record<string, unknown>;
  label: string;
  /** What the button says while the order is under way. */
  pending: string;
  icon?: IconName;
  primary?: boolean;
  disabled?: string;
}

const ENDED = new Set(["finished", "stopped", "failed", "interrupted"]);

export const hasEnded = (state: string): boolean => ENDED.has(state);

/** The buttons beside the headline; exactly one of them is filled wherever something can be done. */
export function actions(view: View, status: Status | null, rounds: number): Action[] {
  const state = status?.state ?? "";
  const blocked = view.missing;
  const train = (label: string, primary: boolean): Action => ({
    op: "train", label, pending: t.starting, icon: "play", primary, disabled: blocked ? blocked.title : "",
  });
  const go = (page: string, primary: boolean): Action => ({ op: "go", args: { page }, label: t.toPage[page] ?? page, pending: t.waiting, primary });
  if (!status) return blocked ? (blocked.page ? [go(blocked.page, true)] : []) : [train(t.train, true)];
  const stop: Action = { op: "stop", label: t.stop, pending: t.stopping, icon: "stop" };
  if (state === "queued") return [{ op: "stop", label: t.cancel, pending: t.canceling, icon: "close" }];
  if (state === "starting" || state === "running" || state === "stopping") {
    const why = state === "starting" ? t.notBegun : state === "stopping" ? t.already : "";
    const stopping = state === "stopping" ? { ...stop, label: t.stopping, disabled: t.already } : stop;
    return [{ op: "pause", label: t.pause, pending: t.pausing, icon: "pause", disabled: why }, { ...stopping, primary: true }];
  }
  if (state === "paused") return [stop, { op: "go_on", label: t.goOn, pending: t.goingOn, icon: "play", primary: true }];
  const left = status.epochs - status.epoch;
  const more = left > 0 ? left : Math.max(1, rounds);
  if (state === "failed") {
    const cause = view.problem?.cause ?? "error";
    if (cause === "nan" && view.problem?.lr) {
      const smaller: Action = { op: "smaller_steps", args: { lr: view.problem.lr }, label: t.smaller, pending: t.starting, icon: "play", primary: true };
      return [train(t.again, false), smaller];
    }
    if (cause === "memory") return [train(t.again, false), go("network", true)];
    if (cause === "data") return [train(t.again, false), go("data", true)];
    return [train(t.again, false), { op: "go_on", label: t.lastGood, pending: t.goingOn, icon: "play", primary: true }];
  }
  if (state === "interrupted") return [train(t.again, false), { op: "go_on", label: t.goOn, pending: t.goingOn, icon: "play", primary: true }];
  const goOn: Action = { op: "go_on", args: left > 0 ? {} : { rounds: more }, label: t.moreRounds(more), pending: t.goingOn, icon: "plus" };
  if (blocked) return [goOn, ...(blocked.page ? [go(blocked.page, true)] : [])];
  return [goOn, train(t.again, true)];
}

/** "40 s", "3 min", "1 h 20 min": as exact as a person plans with. */
export function time(seconds: number): string {
  if (seconds < 1) return `< ${t.secs(1)}`;
  if (seconds < 90) return t.secs(seconds < 10 ? Math.round(seconds) : Math.round(seconds / 5) * 5);
  const minutes = Math.round(seconds / 60);
  return minutes < 90 ? t.mins(minutes) : t.hours(Math.floor(minutes / 60), minutes % 60);
}

/** Share of the steps that are done. */
export function share(status: Status): number {
  if (status.steps > 0) return Math.min(1, status.step / status.steps);
  return status.epochs > 0 ? Math.min(1, status.epoch / status.epochs) : 0;
}

/** The round that is under way: the one after those that are done, and the last one at the end. */
export function round(status: Status): number {
  return hasEnded(status.state) ? Math.max(1, status.epoch) : Math.min(status.epochs, status.epoch + 1);
}

export interface Curves {
  column: string;
  series: Series[];
  marks: Mark[];
  /** Newest values on what it learns from and on what it has never seen. */
  learns: string;
  unseen: string;
  fix: boolean;
}

/** How many rounds the axis shows: all, but the beginning of a long training is not squeezed into a corner. */
export function reach(epochs: number, seen: number): number {
  let end = Math.max(epochs, seen);
  while (seen > 0 && end / 2 > 10 * seen) end /= 2;
  return end;
}

const SMOOTHING = 0.6;

export function formatOf(column: string): (y: number) => string {
  return scaleOf(column) === 100 ? (y) => percent(y / 100) : (y) => num(y, Math.abs(y) < 10 ? 3 : 1);
}

/** The curves of the run, and of the one that tries a fix behind it. */
export function curves(main: RunData | null, other: RunData | null, column: string): Curves {
  const format = formatOf(column);
  const of = (run: RunData, color: 1 | 2) => curvesOf(run, column, { axis: "epoch", smoothing: SMOOTHING, color });
  const own = main ? of(main, 1) : [];
  const beside = other ? of(other, 2).filter((s) => s.split !== "raw") : [];
  const last = (split: string) => {
    const y = own.find((s) => s.split === split)?.y;
    return y?.length ? format(y[y.length - 1]!) : "";
  };
  const marks = (main ? bestMark(main, column, "epoch", 1, format) : []).map((mark) => ({ ...mark, text: t.best(format(mark.y), num(mark.x, 0)) }));
  return { column, series: [...beside, ...own], marks, learns: last("train"), unseen: last("valid"), fix: beside.length > 0 };
}
