import { describe, expect, it } from "vitest";
import { axisOf, goodness, pieces, place } from "./axes";
import { filterRuns, mergeRuns, metricColumns, NO_FILTER, readRuns, type Run, sortRuns, terms, windowOf } from "./runs";

const run = (id: string, numbers: Record<string, number> = {}, more: Partial<Run> = {}): Run => ({
  id, name: id, project: "", state: "finished", device: "cpu", data: "digits", note: "", parent: "", tags: [], star: false, numbers, ...more,
});
const ids = (runs: Run[]) => runs.map((one) => one.id).join(" ");

describe("the list of runs", () => {
  it("is read from columns", () => {
    const texts = Object.fromEntries(["id", "name", "project", "state", "device", "data", "note", "parent"].map((name) => [name, ["a", "b"]]));
    const content = { rows: 2, columns: ["loss", "lr"], texts: { ...texts, tags: [["x"], []], star: [true, false] } };
    const found = readRuns(content, [new DataView(new Float64Array([1, 2, 3, 4]).buffer)]);
    expect(found.map((one) => one.numbers)).toEqual([{ loss: 1, lr: 3 }, { loss: 2, lr: 4 }]);
    expect(found[0]).toMatchObject({ id: "a", tags: ["x"], star: true });
  });
  it("takes newer rows in place and new ones first", () => {
    const merged = mergeRuns([run("a"), run("b")], [run("b", { loss: 1 }), run("c")]);
    expect(ids(merged)).toBe("c a b");
    expect(merged[2]!.numbers.loss).toBe(1);
  });
  it("is sorted by numbers, what has none last in both directions", () => {
    const runs = [run("a", { loss: 2 }), run("b", { loss: NaN }), run("c", { loss: 1 }), run("d")];
    expect(ids(sortRuns(runs, { column: "loss", down: false }))).toBe("c a b d");
    expect(ids(sortRuns(runs, { column: "loss", down: true }))).toBe("a c b d");
  });
  it("is sorted by names as people count", () => {
    expect(ids(sortRuns([run("run 10"), run("run 9"), run("Run 1")], { column: "name", down: false }))).toBe("Run 1 run 9 run 10");
    expect(ids(sortRuns([run("a"), run("b", {}, { star: true })], { column: "star", down: true }))).toBe("b a");
  });
  it("is searched by words, tags, states and stars together", () => {
    const runs = [
      run("lenet", {}, { tags: ["good"], star: true }),
      run("mlp", {}, { note: "a good try", state: "running" }),
      run("other", {}, { project: "digits two" }),
    ];
    const by = (text: string, more = {}) => ids(filterRuns(runs, { ...NO_FILTER, text, ...more }));
    expect(by("good")).toBe("lenet mlp");
    expect(by("tag:good")).toBe("lenet");
    expect(by("state:running")).toBe("mlp");
    expect(by('project:"digits two"')).toBe("other");
    expect(by("good lenet")).toBe("lenet");
    expect(by("", { starred: true })).toBe("lenet");
    expect(by("", { state: "live" })).toBe("mlp");
    expect(terms('tag:"a b" c')).toEqual([{ field: "tag", word: "a b" }, { field: "", word: "c" }]);
  });
  it("shows the metrics of validation first", () => {
    const runs = [run("a", { loss: 1, accuracy: 1, val_accuracy: 1, val_loss: 1, mae: 2 }), run("b", { val_f1: NaN })];
    expect(metricColumns(runs, 3)).toEqual(["val_loss", "val_accuracy", "mae"]);
  });
  it("draws only rows in sight, also of ten thousand", () => {
    expect(windowOf(0, 320, 32, 10_000)).toEqual([0, 18]);
    expect(windowOf(320_000, 320, 32, 10_000)).toEqual([9992, 10_000]);
    expect(windowOf(3200, 320, 32, 10_000)).toEqual([92, 118]);
  });
  it("sorts and searches ten thousand runs to the same as few", () => {
    const many = Array.from({ length: 10_000 }, (_, i) => run(`r${i}`, { loss: (i * 7919) % 10_000 }));
    const sorted = sortRuns(filterRuns(many, { ...NO_FILTER, text: "r" }), { column: "loss", down: false });
    expect(sorted.every((one, i) => one.numbers.loss === i)).toBe(true);
  });
});

describe("parallel coordinates", () => {
  it("choose the kind of an axis by its values", () => {
    expect(axisOf("lr", [1e-3, 1e-1])!.kind).toBe("log");
    expect(axisOf("units", [16, 64])).toMatchObject({ kind: "number", low: 16, high: 64 });
    expect(axisOf("optimizer", ["sgd", "adam", null])).toMatchObject({ kind: "names", names: ["adam", "sgd"] });
    expect(axisOf("nothing", [null, NaN])).toBeNull();
    expect(axisOf("id", Array.from({ length: 30 }, (_, i) => `v${i}`))).toBeNull();
  });
  it("place values from foot to head", () => {
    const lr = axisOf("lr", [1e-3, 1e-1])!;
    expect([1e-3, 1e-2, 1e-1].map((v) => place(lr, v)!.toFixed(3))).toEqual(["0.000", "0.500", "1.000"]);
    expect(place(axisOf("o", ["a", "b", "c"])!, "b")).toBe(0.5);
    expect(place(axisOf("same", [3, 3])!, 3)).toBe(0.5);
    expect(place(lr, null)).toBeNull();
  });
  it("break a line where a value is missing", () => {
    expect(pieces([0, 1, null, 0.5])).toEqual([[[0, 0], [1, 1]], [[3, 0.5]]]);
  });
  it("rank a loss from below and an accuracy from above", () => {
    expect(goodness("loss", [3, 1, 2])).toEqual([0, 1, 0.5]);
    expect(goodness("accuracy", [0.3, 0.1, NaN])).toEqual([1, 0.5, 0]);
  });
});
