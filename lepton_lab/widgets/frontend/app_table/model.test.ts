import { describe, expect, it } from "vitest";
import { bars, type Column, hasCells, parted, shares, shownColumns, splitAfter, toSend, type Warn } from "./model";

const file = (path: string, size = 10) => ({ path, file: { size } as Blob });
const column = (name: string, mark = "") => ({ name, mark }) as Column;

describe("what is sent", () => {
  it("is one file whatever it is called", () => {
    expect(toSend([file("notes.pdf")], 100)).toEqual({ files: [file("notes.pdf")] });
  });
  it("is of several only what is called like a table", () => {
    expect(toSend([file("a.csv"), file("b.jpg"), file("c.PARQUET"), file("d.zip")], 100)).toEqual({ files: [file("a.csv"), file("c.PARQUET"), file("d.zip")] });
    expect(toSend([file("a.jpg"), file("b.jpg")], 100)).toEqual({ none: true });
  });
  it("is nothing where one of them is too large", () => {
    expect(toSend([file("a.csv"), file("b.csv", 101)], 100)).toEqual({ tooLarge: file("b.csv", 101) });
    expect(toSend([file("a.csv", 100)], 100)).toEqual({ files: [file("a.csv", 100)] });
  });
});

describe("the sheet", () => {
  it("shows a mark right of what it marks", () => {
    expect(shownColumns([column("a"), column("b", "b was missing"), column("c")]).map(({ name, added }) => [name, added])).toEqual([
      ["a", false],
      ["b", false],
      ["b was missing", true],
      ["c", false],
    ]);
  });
  it("draws one bar for each part that has values, the largest full", () => {
    const path = bars([4, 0, 2], 30, 20);
    expect(path.split("M")).toHaveLength(3);
    expect(path).toContain("v-20.00");
    expect(path).toContain("v-10.00");
    expect(bars([], 30, 20)).toBe("");
  });
  it("adds what is left of the words", () => {
    expect(shares([["yes", 0.5], ["no", 0.25]])).toEqual([
      { word: "yes", share: 0.5 },
      { word: "no", share: 0.25 },
      { word: "", share: 0.25 },
    ]);
    expect(shares([["yes", 0.5], ["no", 0.5]])).toHaveLength(2);
  });
});

describe("choices", () => {
  it("part warnings into those to decide and those to know", () => {
    const warnings = (["error", "info", "warning"] as const).map((severity) => ({ severity }) as Warn);
    const { open, told } = parted(warnings);
    expect(open.map((w) => w.severity)).toEqual(["error", "warning"]);
    expect(told).toHaveLength(1);
  });
  it("leave half of the rows to learn from", () => {
    expect(splitAfter({ valid: 0.15, test: 0.15 }, "valid", 0.2)).toEqual({ valid: 0.2, test: 0.15 });
    expect(splitAfter({ valid: 0.15, test: 0.2 }, "valid", 0.4)).toEqual({ valid: 0.4, test: 0.1 });
    expect(splitAfter({ valid: 0.3, test: 0.15 }, "test", 0.9)).toEqual({ valid: 0.1, test: 0.4 });
  });
  it("take pasted text only with a row below the names", () => {
    expect(hasCells("a\tb")).toBe(false);
    expect(hasCells("a\tb\n\n")).toBe(false);
    expect(hasCells("a\tb\r\n1\t2")).toBe(true);
  });
});
