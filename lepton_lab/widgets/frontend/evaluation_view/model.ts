// What the kernel says of an evaluation, as the view uses it. Pure.
import { f32, i32, u8 } from "../lib/floats";

export interface Score {
  name: string;
  value: number | null;
  low: number | null;
  high: number | null;
  unit: string;
}

export interface Bins {
  count: number[];
  sure: (number | null)[];
  right: (number | null)[];
  low: (number | null)[];
  high: (number | null)[];
}

export interface Evaluation {
  name: string;
  data: string;
  split: string;
  task: "binary" | "multiclass" | "multilabel" | "regression";
  samples: number;
  classes: string[];
  step: number | null;
  summary: Score[];
  wrong: number;
  thresholds: number[];
  calibration: Bins;
  pairs: [number, number, number][];
  /** Rows are labels: C × C, or K × 2 × 2 of several labels; empty where there are too many classes. */
  matrix: Int32Array;
  /** Scores of the classes by name. */
  scores: Record<string, Float32Array>;
}

export function readEvaluation(content: any, buffers: DataView[]): Evaluation {
  const found = { ...content, matrix: new Int32Array(0), scores: {} } as Evaluation;
  if (content.task === "regression") return found;
  found.matrix = i32(buffers[0]!);
  const all = f32(buffers[1]!);
  const n = content.classes.length;
  (content.columns as string[]).forEach((name, i) => (found.scores[name] = all.subarray(i * n, (i + 1) * n)));
  return found;
}

export interface Curve {
  which: number;
  positives: number;
  negatives: number;
  rocAuc: number | null;
  averagePrecision: number | null;
  found: Int32Array;
  false: Int32Array;
  rocX: Float32Array;
  rocY: Float32Array;
  prX: Float32Array;
  prY: Float32Array;
}

export function readCurve(content: any, buffers: DataView[]): Curve {
  const [rocX, rocY, prX, prY] = buffers.slice(2).map(f32) as [Float32Array, Float32Array, Float32Array, Float32Array];
  return {
    which: content.which,
    positives: content.positives,
    negatives: content.negatives,
    rocAuc: content.roc_auc,
    averagePrecision: content.average_precision,
    found: i32(buffers[0]!),
    false: i32(buffers[1]!),
    rocX,
    rocY,
    prX,
    prY,
  };
}

export interface Target {
  which: number;
  line: [number, number];
  edges: number[];
  count: number[];
  rows: Int32Array;
  predicted: Float32Array;
  true: Float32Array;
  error: Float32Array;
  normal: Float32Array;
  ordered: Float32Array;
}

export function readTarget(content: any, buffers: DataView[]): Target {
  const [predicted, truth, error, normal, ordered] = buffers.slice(1).map(f32) as Float32Array[];
  return {
    which: content.which,
    line: content.line,
    edges: content.edges,
    count: content.count,
    rows: i32(buffers[0]!),
    predicted: predicted!,
    true: truth!,
    error: error!,
    normal: normal!,
    ordered: ordered!,
  };
}

export interface Sample {
  row: number;
  kind: "picture" | "text" | "row" | "series";
  pixels?: Uint8Array;
  width?: number;
  height?: number;
  channels?: 1 | 3;
  text?: string;
  cells?: [string, string][];
  values?: (number | null)[];
  top?: [number, number][];
  labels?: number[];
  predicted?: number[];
  p_label?: number;
  sure?: number;
  targets?: [string, number, number][];
}

/** The samples of an answer; the bytes of their pictures follow each other. */
export function readSamples(content: any, buffers: DataView[]): { total: number; samples: Sample[] } {
  const bytes = buffers[0] ? u8(buffers[0]) : new Uint8Array(0);
  let at = 0;
  const samples = (content.samples as Sample[]).map((sample) => {
    if (sample.kind !== "picture") return sample;
    const size = sample.width! * sample.height! * sample.channels!;
    const pixels = bytes.subarray(at, at + size);
    at += size;
    return { ...sample, pixels };
  });
  return { total: content.total, samples };
}

/** The matrix that is shown: that of the classes, or no and yes of one label. */
export function shownMatrix(evaluation: Evaluation, which: number, not: (name: string) => string) {
  if (evaluation.task !== "multilabel") return { names: evaluation.classes, counts: evaluation.matrix };
  const name = evaluation.classes[which] ?? "";
  return { names: [not(name), name], counts: evaluation.matrix.subarray(4 * which, 4 * which + 4) };
}

/** The cell with the most errors, which is shown first; the first one of the diagonal where there are none. */
export function worstCell(counts: Int32Array, size: number): [number, number] {
  let best: [number, number] = [0, 0];
  let most = 0;
  for (let i = 0; i < size; i++) {
    for (let j = 0; j < size; j++) {
      const n = counts[i * size + j]!;
      if (i !== j && n > most) [most, best] = [n, [i, j]];
    }
  }
  return best;
}

/** The class with the lowest F1: the one whose curve is shown first. */
export function hardestClass(evaluation: Evaluation): number {
  if (evaluation.task === "binary") return 1;
  const f1 = evaluation.scores.f1 ?? new Float32Array(0);
  let worst = 0;
  f1.forEach((value, i) => {
    if (value < (Number.isNaN(f1[worst]!) ? Infinity : f1[worst]!)) worst = i;
  });
  return worst;
}
