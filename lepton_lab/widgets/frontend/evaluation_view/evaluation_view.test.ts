import { describe, expect, it } from "vitest";
import { extent, floorOf, ticks } from "./axes";
import { strength } from "./matrix";
import { type Curve, type Evaluation, hardestClass, readEvaluation, readSamples, shownMatrix, worstCell } from "./model";
import { atThreshold, placeOf, verdict, written } from "./threshold";

const view = (array: { buffer: ArrayBufferLike }) => new DataView(array.buffer);

const curve = {
  positives: 10,
  negatives: 90,
  found: new Int32Array([10, 8, 0]),
  false: new Int32Array([30, 2, 0]),
} as Curve;

describe("a threshold", () => {
  it("says precision, recall and what is missed", () => {
    const at = atThreshold(curve, [0.1, 0.5, 0.9], 1);
    expect(at).toMatchObject({ threshold: 0.5, found: 8, missed: 2, alarms: 2, precision: 0.8, recall: 0.8 });
    expect(at.alarmRate).toBeCloseTo(2 / 90);
  });
  it("has no precision where nothing is called", () => {
    expect(atThreshold(curve, [0.1, 0.5, 0.9], 2).precision).toBeNaN();
    expect(atThreshold(curve, [0.1, 0.5, 0.9], 99).found).toBe(0);
  });
  it("finds the nearest place and writes it", () => {
    expect(placeOf([0.1, 0.495, 0.9], 0.5)).toBe(1);
    expect([0.5, 0.125, 0.995, 0.0003, 0.9999].map(written)).toEqual(["0.50", "0.125", "0.995", "0.0003", "0.9999"]);
  });
});

describe("calibration in words", () => {
  const bins = (sure: number, low: number, high: number) => ({ count: [100], sure: [sure], low: [low], high: [high] });
  it.each([
    [bins(0.9, 0.5, 0.7), "too sure"],
    [bins(0.6, 0.8, 0.95), "not sure"],
    [bins(0.9, 0.85, 0.95), "calibrated"],
    [{ count: [0], sure: [null], low: [null], high: [null] }, "calibrated"],
  ])("%j", (given, said) => expect(verdict(given)).toBe(said));
});

describe("what the kernel sends", () => {
  const content = { task: "multiclass", classes: ["a", "b"], columns: ["precision", "f1"], pairs: [] };
  const found = readEvaluation(content, [view(new Int32Array([5, 1, 3, 6])), view(new Float32Array([0.5, 0.25, 0.75, 0.125]))]);
  it("is read into a matrix and columns", () => {
    expect([...found.matrix]).toEqual([5, 1, 3, 6]);
    expect([...found.scores.f1!]).toEqual([0.75, 0.125]);
    expect(worstCell(found.matrix, 2)).toEqual([1, 0]);
    expect(hardestClass(found)).toBe(1);
  });
  it("skips classes without a score", () => {
    const scores = { f1: new Float32Array([NaN, 0.9, 0.4]) };
    expect(hardestClass({ ...found, scores } as Evaluation)).toBe(2);
  });
  it("shows one table of several labels", () => {
    const many = { ...found, task: "multilabel", matrix: new Int32Array([1, 2, 3, 4, 5, 6, 7, 8]) } as Evaluation;
    const shown = shownMatrix(many, 1, (name) => `not ${name}`);
    expect(shown.names).toEqual(["not b", "b"]);
    expect([...shown.counts]).toEqual([5, 6, 7, 8]);
  });
  it("cuts the pictures out of one buffer", () => {
    const picture = { kind: "picture", width: 2, height: 1, channels: 1 };
    const answer = { total: 9, samples: [{ row: 1, ...picture }, { row: 2, kind: "text", text: "x" }, { row: 3, ...picture }] };
    const read = readSamples(answer, [view(new Uint8Array([1, 2, 3, 4]))]);
    expect(read.samples.map((s) => [...(s.pixels ?? [])])).toEqual([[1, 2], [], [3, 4]]);
  });
});

describe("axes", () => {
  it("have round ticks within their ends", () => {
    expect(ticks(0, 1)).toEqual([0, 0.2, 0.4, 0.6, 0.8, 1]);
    expect(ticks(-3.2, 7.9, 4)).toEqual([0, 5]);
    expect(ticks(2, 2)).toEqual([2]);
  });
  it("begin below the scores and never have no length", () => {
    expect(floorOf([0.93, NaN, 0.99], 0.05)).toBeCloseTo(0.9);
    expect(extent([3, 3])).toEqual([2.5, 3.5]);
    expect(extent([])).toEqual([0, 1]);
  });
  it("tint rare errors visibly and none at all not", () => {
    expect(strength(0, 24)).toBe(0);
    expect(strength(1, 24)).toBe(10);
    expect(strength(24, 24)).toBe(55);
  });
});
