import { describe, expect, it } from "vitest";
import { axisRange, extentX, extentY, logTicks, merge, moved, nearest, type Series, smooth } from "./chart_data";

const line = (x: number[], y: number[]): Series => ({ x, y, color: 1, split: "train", name: "train" });

describe("merge", () => {
  it("puts curves of different lengths onto one axis and tells gaps from foreign points", () => {
    const data = merge([line([1, 2, 3], [10, NaN, 30]), line([2, 4], [5, 6])], false);
    expect(data).toEqual([
      [1, 2, 3, 4],
      [10, null, 30, undefined],
      [undefined, 5, undefined, 6],
    ]);
  });
  it("keeps two points of a curve at one place", () => {
    expect(merge([line([1, 1, 2], [0, 9, 4])], false)).toEqual([
      [1, 1, 2],
      [0, 9, 4],
    ]);
  });
  it("leaves out what a logarithm cannot show", () => {
    expect(merge([line([1, 2, 3], [0, -1, 2])], true)[1]).toEqual([null, null, 2]);
  });
});

describe("nearest", () => {
  const s = line([0, 10, 20, 30], [1, NaN, 3, 4]);
  it("finds the closest value and passes over gaps", () => {
    expect(nearest(s, 9)).toBe(0);
    expect(nearest(s, 12)).toBe(2);
    expect(nearest(s, 26)).toBe(3);
  });
  it("gives nothing beyond the slack", () => {
    expect(nearest(s, 40, 5)).toBe(-1);
    expect(nearest(s, 34, 5)).toBe(3);
    expect(nearest(line([], []), 1)).toBe(-1);
  });
});

describe("smooth", () => {
  it("leaves a constant as it is, from the first point on", () => {
    expect([...smooth([2, 2, 2], 0.9)].every((v) => Math.abs(v - 2) < 1e-12)).toBe(true);
  });
  it("goes over a gap without spreading it", () => {
    const out = smooth([1, NaN, 3], 0.5);
    expect(out[1]).toBeNaN();
    expect(out[2]).toBeCloseTo((0.25 * 1 + 0.5 * 3) / 0.75);
  });
  it("is the values themselves at 0", () => {
    expect([...smooth([1, 5, 2], 0)]).toEqual([1, 5, 2]);
  });
});

describe("ranges", () => {
  const s = line([0, 1, 2, 3], [4, 1, 100, 0]);
  it("reach over all curves", () => {
    expect(extentX([s, line([], []), line([-2], [1])])).toEqual([-2, 3]);
    expect(extentX([])).toBeNull();
  });
  it("look at what is inside the window, with one point to either side", () => {
    expect(extentY([s], [0, 0.5], false)).toEqual([1, 4]);
    expect(extentY([s], [0, 3], true)).toEqual([1, 100]);
  });
  it("leave room, within hard limits, and never collapse", () => {
    expect(axisRange([0, 1], false, [0, 1])).toEqual([0, 1]);
    const [low, high] = axisRange([5, 5], false, [null, null]);
    expect(low).toBeLessThan(5);
    expect(high).toBeGreaterThan(5);
    expect(axisRange([1, 100], true, [null, null])[0]).toBeLessThan(1);
  });
});

describe("moved", () => {
  const on = { x: 100, y: 100, logX: false, logY: false };
  const view = (s: Parameters<typeof moved>[0]["series"], x: [number, number] = [0, 100], y: [number, number] = [0, 10]) => ({ x, y, series: s });
  const before = view([line([0, 50], [5, 5])]);

  it("sees a curve that has grown by a pixel, and not one that has grown by less", () => {
    expect(moved(before, view([line([0, 50, 50.9], [5, 5, 5])]), on)).toBe(false);
    expect(moved(before, view([line([0, 50, 51], [5, 5, 5])]), on)).toBe(true);
    expect(moved(before, view([line([0, 50], [5, 5.05])]), on)).toBe(false);
    expect(moved(before, view([line([0, 50], [5, 5.2])]), on)).toBe(true);
  });
  it("sees axes that have moved", () => {
    expect(moved(before, view(before.series, [0, 100.5]), on)).toBe(false);
    expect(moved(before, view(before.series, [0, 102]), on)).toBe(true);
    expect(moved(before, view(before.series, [0, 100], [0.2, 10]), on)).toBe(true);
    const log = { ...on, logY: true };
    expect(moved(view(before.series, [0, 100], [1, 10]), view(before.series, [0, 100], [1, 11]), log)).toBe(true);
  });
  it("sees a curve that is new, begins, ends in a gap, or is another one", () => {
    expect(moved(before, view([...before.series, line([0], [1])]), on)).toBe(true);
    expect(moved(view([line([], [])]), view([line([0], [1])]), on)).toBe(true);
    expect(moved(before, view([line([0, 50, 50.5], [5, 5, NaN])]), on)).toBe(true);
    expect(moved(before, view([{ ...before.series[0]!, color: 2 }]), on)).toBe(true);
  });
  it("lets the extremes of an unfinished stretch wait until it takes up a pixel", () => {
    const raw = (x: number[], y: number[]) => [{ ...line(x, y), split: "raw" as const }];
    expect(moved(view(raw([0, 50], [5, 5])), view(raw([0, 50.5], [5, 9])), on)).toBe(false);
    expect(moved(view(raw([0, 50], [5, 5])), view(raw([0, 52], [5, 5])), on)).toBe(true);
  });
});

describe("logTicks", () => {
  it("stands at powers of ten, and between them where there are few", () => {
    expect(logTicks(0.0008, 3, 6)).toEqual([0.001, 0.01, 0.1, 1]);
    expect(logTicks(0.05, 2, 6)).toEqual([0.05, 0.1, 0.2, 0.5, 1, 2]);
    expect(logTicks(0.21, 0.29, 5).length).toBe(3);
    expect(logTicks(1e-30, 1, 5).length).toBeLessThanOrEqual(6);
  });
});
