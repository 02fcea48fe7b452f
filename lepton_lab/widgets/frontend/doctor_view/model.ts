// What the kernel says of a look, as plain data.

export interface Evidence {
  x: (number | null)[];
  y: (number | null)[];
  x_name: string;
  y_name: string;
  x_unit: string;
  y_unit: string;
  kind: "line" | "bars";
  labels: string[];
  low: number | null;
  high: number | null;
  log: boolean;
  other: (number | null)[];
  other_name: string;
}

export interface Finding {
  rule: string;
  severity: "problem" | "warning" | "info";
  layer: string | null;
  since_step: number | null;
  title: string;
  explanation: string;
  why: string;
  source: string;
  url: string;
  evidence: Evidence | null;
  fixes: { label: string }[];
  no_fix: string;
}

export interface Row {
  what: string;
  before: number | string | null;
  after: number | string | null;
  better: boolean | null;
  unit: string;
}

export interface Trial {
  key: string;
  label: string;
  run: string;
  name: string;
  state: string;
  epoch: number;
  epochs: number;
  ended: boolean;
  result: {
    rows: Row[];
    curves: Record<"before" | "after", { step: number[]; loss: number[] }>;
    gone: string[];
    new: string[];
  } | null;
}

export interface Told {
  run: { id: string; name: string; state: string } | null;
  report: { subject: string; findings: Finding[]; checked: string[]; step: number | null } | null;
  trials: Trial[];
  looking: boolean;
}

export const keyOf = (finding: Finding): string => `${finding.rule}/${finding.layer ?? ""}`;

/** Findings that are shown: without those that were put aside. */
export function shown(findings: readonly Finding[], hidden: readonly string[]): Finding[] {
  return findings.filter((finding) => !hidden.includes(keyOf(finding)));
}

/** Values with gaps where there was no finite number. */
export const numbers = (values: readonly (number | null)[]): Float64Array =>
  Float64Array.from(values, (value) => value ?? NaN);

/** Lengths of bars as shares of the longest; on a logarithmic scale from the smallest positive value on. */
export function lengths(values: readonly (number | null)[], log: boolean): number[] {
  const sizes = values.map((value) => Math.abs(value ?? 0));
  const largest = Math.max(...sizes, 0);
  if (!largest) return sizes.map(() => 0);
  if (!log) return sizes.map((size) => size / largest);
  const smallest = Math.min(...sizes.filter((size) => size > 0)) / 10;
  const span = Math.log(largest / smallest);
  return sizes.map((size) => (size > 0 ? Math.log(size / smallest) / span : 0));
}

/** A link of a finding, where it is one that a browser may follow. */
export const safeUrl = (url: string): string | undefined => (/^https?:\/\//.test(url) ? url : undefined);
