// What the kernel says of the whole, and the marks of the tabs that follow from it.
import type { Failure } from "../lib/link";

export const TABS = ["data", "network", "train", "inspect", "evaluate", "runs"] as const;
export type Tab = (typeof TABS)[number];

export interface State {
  busy: string;
  data: { name: string; samples: number; task: string } | null;
  /** Why the Inspect tab has no playground; empty where it has one. */
  no_plane: string;
  network: { name: string; layers: number } | null;
  /** Why no run can be started now; empty where one can. */
  waiting: string;
  run: { id: string; name: string; state: string; ended: boolean } | null;
  problem: Failure | null;
}

export type MarkKind = { kind: "ok" } | { kind: "bad"; reason: string } | { kind: "live" } | { kind: "none" };

/** The mark beside a tab's name. */
export function mark(tab: Tab, state: State): MarkKind {
  if (tab === "data" && state.data) return { kind: "ok" };
  if (tab === "network" && state.data && state.network) {
    return state.waiting ? { kind: "bad", reason: state.waiting } : { kind: "ok" };
  }
  if (tab === "train" && state.run && !state.run.ended) return { kind: "live" };
  return { kind: "none" };
}
