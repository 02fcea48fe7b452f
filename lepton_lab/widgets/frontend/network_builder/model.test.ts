import { describe, expect, it } from "vitest";
import { actionOf } from "./keys";
import { type Card, divided, findCard, matches, outputSize, type Parameter, read, selected, target, visiblePaths } from "./model";

const card = (path: string, rest: Partial<Card> = {}): Card => ({
  path, name: path.split("/").pop()!, kind: "Conv2d", what: "", values: {}, input: null, output: null, state: "ok", waits: "", ...rest,
});
const inner = [card("r/body/a"), card("r/body/b")];
const layers = [card("one"), card("r", { lists: [{ path: "r/body", name: "body", layers: inner }, { path: "r/shortcut", name: "shortcut", layers: [] }] }), card("two")];
const parameter = (rest: Partial<Parameter>): Parameter => ({
  name: "p", control: "whole", help: "", required: true, default: null, least: null, most: null, words: [], empty: false, lengths: [], ...rest,
});

describe("cards", () => {
  it("are listed as they are seen", () => {
    expect(visiblePaths(layers, new Set())).toEqual(["one", "r", "r/body/a", "r/body/b", "two"]);
    expect(visiblePaths(layers, new Set(["r"]))).toEqual(["one", "r", "two"]);
    expect(findCard(layers, "r/body/b")).toBe(inner[1]);
    expect(findCard(layers, "r/body/c")).toBeNull();
  });
  it("are selected one by one, together and in a row of one list", () => {
    const order = visiblePaths(layers, new Set());
    expect(selected(["one"], "two", order, { ctrl: false, shift: false })).toEqual(["two"]);
    expect(selected(["one"], "two", order, { ctrl: true, shift: false })).toEqual(["one", "two"]);
    expect(selected(["one", "two"], "two", order, { ctrl: true, shift: false })).toEqual(["one"]);
    expect(selected(["one"], "two", order, { ctrl: false, shift: true })).toEqual(["one", "r", "two"]);
    expect(selected(["r/body/"], "one", order, { ctrl: true, shift: false })).toEqual(["one"]);
  });
  it("count their place as it was before the move", () => {
    expect(target("", "", 0, 2)).toBe(3);
    expect(target("", "", 2, 0)).toBe(0);
    expect(target("", "r/body", 0, 1)).toBe(1);
  });
});

describe("what is typed", () => {
  it.each<[Partial<Parameter>, string, unknown]>([
    [{}, "16", 16],
    [{ control: "number" }, "1e-4", 1e-4],
    [{ control: "sizes", lengths: [1, 2] }, "3", 3],
    [{ control: "sizes", lengths: [1, 2] }, "3 × 5", [3, 5]],
    [{ control: "sizes", lengths: [1, 2] }, "(3, 5)", [3, 5]],
    [{ control: "sizes", lengths: [0] }, "2, 0, 1", [2, 0, 1]],
    [{ control: "sizes", lengths: [1, 2], words: ["same"] }, "same", "same"],
    [{ empty: true }, " ", null],
  ])("%o %s", (rest, text, value) => expect(read(parameter(rest), text)).toEqual({ value }));
  it.each<[Partial<Parameter>, string]>([
    [{}, "x"], [{}, ""], [{}, "1.5"], [{ least: 1 }, "0"], [{ most: 3 }, "4"], [{ control: "number" }, "one"],
    [{ control: "sizes", lengths: [1, 2] }, "1,2,3"], [{ control: "sizes", lengths: [1, 2], least: 1 }, "3, 0"],
  ])("%o %s is refused with a reason", (rest, text) => {
    const found = read(parameter(rest), text);
    expect("problem" in found && found.problem.length).toBeGreaterThan(8);
  });
});

describe("the palette", () => {
  const kind = (summary: string) => ({ group: "", glyph: "", summary, formula: "", source: "", block: false, parameters: [] });
  const palette = {
    groups: [{ name: "A", kinds: ["SeparableConv2d", "Conv2d", "Linear"] }],
    kinds: { SeparableConv2d: kind(""), Conv2d: kind(""), Linear: kind("Connects every input") },
    templates: [],
  };
  it("finds by the beginning first, then inside, then in the words", () => {
    expect(matches(palette, "conv")).toEqual(["Conv2d", "SeparableConv2d"]);
    expect(matches(palette, "every input")).toEqual(["Linear"]);
    expect(matches(palette, "zzz")).toEqual([]);
  });
});

describe("settings", () => {
  it("show what is required, set or common, and put the rest behind more", () => {
    const all = ["a", "b", "c", "d", "e", "bias"].map((name, at) => parameter({ name, required: at === 0 }));
    const [front, back] = divided(all, { e: 1 });
    expect(front.map((p) => p.name)).toEqual(["a", "b", "c", "d", "e", "bias"]);
    expect(back).toEqual([]);
    expect(divided(all, {})[1].map((p) => p.name)).toEqual(["e"]);
  });
  it("work the size of an output out", () => {
    const found = outputSize(card("c", { values: { kernel_size: 5, padding: 2, stride: 2 }, input: [1, 28, 28], output: [8, 14, 14] }));
    expect(found).toEqual({ rule: "H' = ⌊(H + 2p − k) / s⌋ + 1", numbers: "⌊(28 + 4 − 5) / 2⌋ + 1", result: "14" });
    expect(outputSize(card("c", { kind: "Linear" }))).toBeNull();
  });
});

describe("keys", () => {
  const key = (name: string, rest = {}) => ({ key: name, ctrlKey: false, metaKey: false, shiftKey: false, altKey: false, ...rest });
  it("mean what they say, and nothing while somebody writes", () => {
    expect(actionOf(key("z", { ctrlKey: true }), false)).toEqual({ is: "undo" });
    expect(actionOf(key("Z", { ctrlKey: true, shiftKey: true }), false)).toEqual({ is: "redo" });
    expect(actionOf(key("z", { metaKey: true }), true)).toBeNull();
    expect(actionOf(key("ArrowUp", { altKey: true }), false)).toEqual({ is: "shift", to: "up" });
    expect(actionOf(key("ArrowDown", { shiftKey: true }), false)).toEqual({ is: "go", by: 1, extend: true });
    expect(actionOf(key("/"), false)).toEqual({ is: "search" });
    expect(actionOf(key("/"), true)).toBeNull();
    expect(actionOf(key("c", { ctrlKey: true }), false)).toBeNull();
  });
});
