import { describe, expect, it } from "vitest";
import { EMPTY, extended } from "./points";

describe("the curve of a search", () => {
  const first = extended(EMPTY, { search: 1, from: 0, total: 2 }, Float32Array.from([1, 2, 10, 20]))!;
  it("grows by messages that follow", () => {
    const next = extended(first, { search: 1, from: 2, total: 3 }, Float32Array.from([3, 30]))!;
    expect([...next.lr]).toEqual([1, 2, 3]);
    expect([...next.loss]).toEqual([10, 20, 30]);
  });
  it("says where points are missing", () => {
    expect(extended(first, { search: 1, from: 3, total: 4 }, Float32Array.from([4, 40]))).toBeNull();
  });
  it("begins anew with another search", () => {
    expect([...extended(first, { search: 2, from: 0, total: 1 }, Float32Array.from([9, 90]))!.lr]).toEqual([9]);
    expect(extended(first, { search: 2, from: 1, total: 2 }, Float32Array.from([9, 90]))).toBeNull();
  });
  it("is not set back by a message that is older", () => {
    expect(extended(first, { search: 1, from: 0, total: 1 }, Float32Array.from([1, 10]))).toBe(first);
  });
});
