import { describe, expect, it } from "vitest";
import { dataWords, found, mark, merge, type Project, result, type Run, runWords, sorted, sparkPath, stateWords, when } from "./rows";

const run = (over: Partial<Run> = {}): Run => ({
  id: "r", name: "r-1", star: false, state: "finished", live: false, epoch: 3, epochs: 3, metric: "val_accuracy", best: 0.96,
  spark: [], when: 0, duration: 1, message: "", ...over,
});
const project = (over: Partial<Project> = {}): Project => ({
  id: "p", title: "Digits", door: "example", data: { name: "MNIST", form: "images", samples: 70000, classes: 10 },
  network: true, when: 0, runs: 1, run: run(), ...over,
});

describe("words", () => {
  it("says the data in few words", () => {
    expect(dataWords(project())).toBe("MNIST, 70,000 images, 10 classes");
    expect(dataWords(project({ door: "images", data: { name: "x.zip", form: "images", samples: 1, classes: 0 } }))).toBe("My images, 1 image");
    expect(dataWords(project({ data: { name: "iris", form: "", samples: 0, classes: 0 } }))).toBe("iris");
    expect(dataWords(project({ data: null }))).toBe("No data yet");
  });

  it("says what a run does, with rounds where they say something", () => {
    expect(runWords(run({ state: "running", live: true, epoch: 13, epochs: 20 }))).toBe("Training, round 14 of 20");
    expect(runWords(run({ state: "running", live: true, epoch: 20, epochs: 20 }))).toBe("Training, round 20 of 20");
    expect(runWords(run({ state: "stopped", epoch: 5, epochs: 20 }))).toBe("Stopped, round 5 of 20");
    expect(runWords(run())).toBe("Finished");
    expect(stateWords(project({ run: null }))).toBe("Not trained yet");
    expect(stateWords(project({ run: null, network: false }))).toBe("No network yet");
    expect([mark(run({ live: true, state: "running" })), mark(run()), mark(run({ state: "failed" })), mark(null)]).toEqual(["live", "ok", "bad", ""]);
  });

  it("says results with their units", () => {
    expect(result(run())).toEqual({ value: "96.0 %", unit: "correct" });
    expect(result(run({ metric: "val_mae", best: 0.25 }))).toEqual({ value: "0.250", unit: "typical error (MAE)" });
    expect(result(run({ metric: "val_loss", best: 1234.5 }))).toEqual({ value: "1,235", unit: "error (loss)" });
    expect(result(run({ best: null }))).toBeNull();
    expect(result(null)).toBeNull();
  });

  it("says when something was", () => {
    const now = new Date(2026, 10, 22, 9, 0);
    const at = (...parts: [number, number, number, number, number]) => new Date(...parts).getTime() / 1000;
    expect(when(at(2026, 10, 22, 8, 5), now)).toBe("today, 08:05");
    expect(when(at(2026, 10, 21, 23, 59), now)).toBe("yesterday, 23:59");
    expect(when(at(2026, 10, 18, 12, 0), now)).toBe("18 Nov");
    expect(when(at(2025, 11, 31, 12, 0), now)).toBe("31 Dec 2025");
    expect(when(at(2020, 0, 1, 0, 0), now, true)).toBe("now");
  });
});

describe("the list", () => {
  const a = project({ id: "a", title: "Apples 10", when: 1, runs: 1, run: run({ best: 0.5 }) });
  const b = project({ id: "b", title: "apples 9", when: 3, runs: 5, run: run({ metric: "val_loss", best: 0.1 }) });
  const c = project({ id: "c", title: "Pears", when: 2, runs: 0, run: null });
  const ids = (list: Project[]) => list.map((each) => each.id).join("");

  it("is sorted as asked, and what trains stands first", () => {
    expect(ids(sorted([a, b, c], "used"))).toBe("bca");
    expect(ids(sorted([{ ...a, run: run({ live: true }) }, b, c], "used"))).toBe("abc");
    expect(ids(sorted([a, b, c], "name"))).toBe("bac");
    expect(ids(sorted([a, b, c], "result"))).toBe("abc");
    expect(ids(sorted([a, b, c], "runs"))).toBe("bac");
  });

  it("is searched by all words, in names, data and states", () => {
    expect(ids(found([a, b, c], "APPLES"))).toBe("ab");
    expect(ids(found([a, b, c], "apples 10"))).toBe("ab"); // "10 classes" of b
    expect(ids(found([a, b, c], "not trained"))).toBe("c");
    expect(ids(found([a, b, c], " "))).toBe("abc");
  });

  it("takes over what changed, and drops what is gone", () => {
    const old = { projects: [a, b], runs: { a: [run()] } };
    const news = { ids: ["c", "a"], projects: [{ ...a, title: "New" }, c], runs: { c: [] } };
    const merged = merge(old, news);
    expect(merged.projects.map((each) => each.title)).toEqual(["Pears", "New"]);
    expect(Object.keys(merged.runs)).toEqual(["a", "c"]);
  });
});

it("draws a small curve inside its box", () => {
  expect(sparkPath([1], 90, 28)).toBe("");
  expect(sparkPath([0, 1], 90, 28)).toBe("M2.0 25.0L88.0 3.0");
  expect(sparkPath([2, 2], 90, 28)).toBe("M2.0 14.0L88.0 14.0");
});
