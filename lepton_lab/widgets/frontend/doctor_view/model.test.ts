import { describe, expect, it } from "vitest";
import { type Finding, keyOf, lengths, numbers, safeUrl, shown } from "./model";

const finding = (rule: string, layer: string | null): Finding => ({
  rule,
  layer,
  severity: "problem",
  since_step: null,
  title: "",
  explanation: "",
  why: "",
  source: "",
  url: "",
  evidence: null,
  fixes: [],
  no_fix: "",
});

describe("findings", () => {
  it("are put aside by rule and layer", () => {
    const all = [finding("a", "x"), finding("a", "y"), finding("b", null)];
    expect(shown(all, ["a/x", "b/"]).map(keyOf)).toEqual(["a/y"]);
  });
  it("have bars by share, also over many powers of ten", () => {
    expect(lengths([2, -4, null], false)).toEqual([0.5, 1, 0]);
    const [small, large] = lengths([1e-9, 1], true) as [number, number];
    expect(large).toBe(1);
    expect(small).toBeCloseTo(0.1);
    expect(lengths([0, null], true)).toEqual([0, 0]);
  });
  it("leave gaps where a value was not finite", () => {
    expect([...numbers([1, null])]).toEqual([1, NaN]);
  });
  it("link only to pages", () => {
    expect(safeUrl("https://arxiv.org/x")).toBe("https://arxiv.org/x");
    expect(safeUrl("javascript:alert(1)")).toBeUndefined();
  });
});
