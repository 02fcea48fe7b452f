import { describe, expect, it } from "vitest";
import { curvesOf, differences, measured, wanted } from "./curves";
import { extend, fold, type RunData, type RunNews, Store, type Table } from "./store";

const view = (...columns: number[][]): DataView => new DataView(Float32Array.from(columns.flat()).buffer);
const table = (level: number, complete: number, columns: Record<string, number[]>): Table => ({
  level, complete, total: complete << level,
  columns: new Map(Object.entries(columns).map(([k, v]) => [k, Float32Array.from(v)])),
});
const news = (from: number, rows: number, complete: number, level = 0, total = complete << level, columns = ["step", "loss"]) =>
  ({ name: "steps" as const, level, from, rows, complete, total, columns });
const list = (t: Table | null, name: string) => [...(t?.columns.get(name) ?? [])];

describe("blocks", () => {
  it("are appended where they follow", () => {
    const t = extend(table(0, 2, { step: [1, 2], loss: [9, 8] }), news(2, 2, 4), Float32Array.from([3, 4, 7, 6]));
    expect(list(t, "step")).toEqual([1, 2, 3, 4]);
    expect(list(t, "loss")).toEqual([9, 8, 7, 6]);
  });
  it("replace the open one", () => {
    const t = extend({ ...table(1, 1, { step: [2, 3], loss: [1, 5] }), total: 3 }, news(1, 1, 2, 1, 4), Float32Array.from([4, 6]));
    expect(list(t, "step")).toEqual([2, 4]);
    expect(list(t, "loss")).toEqual([1, 6]);
  });
  it("are refused where some are missing between", () => {
    expect(extend(table(0, 2, { step: [1, 2], loss: [9, 8] }), news(3, 1, 4), Float32Array.from([4, 6]))).toBeNull();
  });
  it("that are older change nothing", () => {
    const t = table(0, 4, { step: [1, 2, 3, 4], loss: [9, 8, 7, 6] });
    expect(extend(t, news(0, 2, 2), Float32Array.from([1, 2, 9, 8]))).toBe(t);
  });
  it("fold in pairs with their extremes, gaps left out", () => {
    const t = fold(table(0, 5, { step: [1, 2, 3, 4, 5], loss: [1, 3, NaN, 5, 9] }), 1);
    expect(t.complete).toBe(2);
    expect(list(t, "step")).toEqual([2, 4]);
    expect(list(t, "loss")).toEqual([2, 5]);
    expect(list(t, "low loss")).toEqual([1, 5]);
    expect(list(t, "high loss")).toEqual([3, 5]);
    const twice = fold(t, 2);
    expect([list(twice, "loss"), list(twice, "low loss"), list(twice, "high loss")]).toEqual([[3.5], [1], [5]]);
  });
  it("of a higher level go onto folded ones", () => {
    const t = extend(
      table(0, 4, { step: [1, 2, 3, 4], loss: [1, 3, 5, 7] }),
      news(2, 1, 3, 1, 6, ["step", "loss", "low loss", "high loss"]),
      Float32Array.from([6, 9, 8, 10]),
    );
    expect(list(t, "step")).toEqual([2, 4, 6]);
    expect(list(t, "high loss")).toEqual([3, 7, 10]);
  });
});

describe("store", () => {
  const first: RunNews = { id: "a", generation: 0, anew: true, events: [], tables: [news(0, 2, 2)] };
  it("takes a run in and goes on with it", () => {
    const store = new Store();
    expect(store.apply({ runs: [first] }, [view([1, 2], [9, 8])])).toBe(true);
    expect(store.apply({ runs: [{ id: "a", generation: 0, tables: [news(2, 1, 3)] }] }, [view([3], [7])])).toBe(true);
    expect(list(store.runs.get("a")!.tables.steps, "loss")).toEqual([9, 8, 7]);
  });
  it("says where something was missed", () => {
    const store = new Store();
    expect(store.apply({ runs: [{ id: "a", generation: 0, tables: [news(2, 1, 3)] }] }, [view([3], [7])])).toBe(false);
    store.apply({ runs: [first] }, [view([1, 2], [9, 8])]);
    expect(store.apply({ runs: [{ id: "a", generation: 1, tables: [news(2, 1, 3)] }] }, [view([3], [7])])).toBe(false);
  });
  it("finds the buffers of later runs though an earlier one is unknown", () => {
    const store = new Store();
    const other = { ...first, id: "b" };
    const whole = store.apply({ runs: [{ id: "x", generation: 0, tables: [news(5, 1, 6)] }, other] }, [view([3], [7]), view([1, 2], [4, 5])]);
    expect(whole).toBe(false);
    expect(list(store.runs.get("b")!.tables.steps, "loss")).toEqual([4, 5]);
  });
  it("knows of forks on their way, and draws at once when one failed", () => {
    const store = new Store();
    store.apply({ forking: { pending: 1, failed: null } }, []);
    store.apply({ runs: [first] }, [view([1, 2], [9, 8])]);
    expect(store.forking.pending).toBe(1);
    const before = store.told();
    store.apply({ forking: { pending: 0, failed: { title: "no weights", detail: "", fix: "", number: 1 } } }, []);
    expect(store.told()).not.toBe(before);
    expect(store.forking.failed?.title).toBe("no weights");
  });
  it("forgets runs that are not drawn", () => {
    const store = new Store();
    store.apply({ runs: [first] }, [view([1, 2], [9, 8])]);
    store.keep([]);
    expect(store.runs.size).toBe(0);
  });
});

describe("curves", () => {
  const run = (steps: Table, settings = {}): RunData => ({
    id: "a", generation: 0, status: null, events: [], tables: { steps, epochs: table(0, 2, { step: [2, 4], epoch: [1, 2], time: [1, 2], val_loss: [3, 2], loss: [4, 3] }) },
    about: { name: "net", settings } as any,
  });
  it("keep the extremes of blocks", () => {
    const t = table(1, 2, { step: [2, 4], loss: [2, 5], "low loss": [1, 4], "high loss": [3, 6] });
    expect([...measured(t, "loss", "step")!.y]).toEqual([3, 1, 6, 4]);
    expect(measured(t, "nothing", "step")).toBeNull();
  });
  it("are training, its raw values, and validation", () => {
    const found = curvesOf(run(table(0, 3, { step: [1, 2, 3], loss: [1, 2, 3] })), "loss", { axis: "step", smoothing: 0.5, color: 1 });
    expect(found.map((s) => s.split)).toEqual(["raw", "train", "valid"]);
    expect([...found[2]!.y]).toEqual([3, 2]);
  });
  it("fall back to one value an epoch where steps have none", () => {
    const found = curvesOf(run(table(0, 2, { step: [1, 2], loss: [NaN, NaN] })), "loss", { axis: "step", smoothing: 0, color: 1 });
    expect([...found[0]!.y]).toEqual([4, 3]);
  });
  it("ask for finer rows only where a zoom is narrow", () => {
    const t = table(3, 10, { step: [8, 16, 24, 32, 40, 48, 56, 64, 72, 80], loss: new Array(10).fill(1) });
    expect(wanted(t, "step", [20, 30])).toEqual([8, 40]);
    expect(wanted(t, "step", [0, 80])).toBeNull();
    expect(wanted(table(0, 2, { step: [1, 2] }), "step", [1, 1.5])).toBeNull();
  });
  it("name what differs", () => {
    const t = table(0, 0, {});
    expect(differences(run(t, { lr: 0.1, epochs: 3 }), run(t, { lr: 0.01, epochs: 3 }))).toEqual(["lr 0.01"]);
  });
});
