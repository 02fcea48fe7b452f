// What the kernel tells of the data, of the weights and of an answer.
import type { Failure } from "../lib/link";

export interface Origin {
  kind: "live" | "untrained" | "best" | "last" | "checkpoint" | "module" | "none";
  step: number;
  epoch: number;
  state: string;
}

export interface Field {
  name: string;
  kind: "number" | "choice" | "date";
  value: string | number;
  low?: number | string;
  high?: number | string;
  step?: "any" | 1;
  choices?: string[];
}

export interface About {
  kind: "image" | "form" | "rows" | "text" | "sound" | "other" | "none";
  task: string;
  classes: string[];
  targets: string[];
  ends: number[][];
  shape: number[];
  fields: Field[];
  hand: { cut: boolean; light: boolean } | null;
  held: boolean;
  state: Origin;
  name: string;
  problem?: Failure;
}

export type Values = Record<string, string | number>;

export interface Answer {
  sample: string;
  probs: Float32Array;
  origin: Origin;
  /** From the question to its answer, in milliseconds. */
  ms: number;
  seen: { shape: number[]; data: Uint8Array } | null;
  truth?: string | string[] | (number | null)[];
  learnt?: boolean;
  values?: Values;
  text?: string;
  known?: number;
  words?: number;
}

/** Puts a question: the newest of those that wait is the one that is answered. `make` is called when its turn comes. */
export type Put = (make: () => Question | null | Promise<Question | null>) => void;

export interface Question {
  op: string;
  args?: Record<string, unknown>;
  buffers?: Uint8Array[];
}

export interface PaneProps {
  about: About;
  answer: Answer | null;
  put: Put;
  /** Takes the answer away, as when the sheet is cleared. */
  forget: () => void;
}
