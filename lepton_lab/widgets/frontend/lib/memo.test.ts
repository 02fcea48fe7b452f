import { describe, expect, it } from "vitest";
import { same, share } from "./memo";

describe("same", () => {
  it("looks at values, not at their order", () => {
    expect(same({ a: 1, b: NaN }, { b: NaN, a: 1 })).toBe(true);
    expect(same({ a: 1 }, { a: 1, b: undefined })).toBe(false);
    expect(same({ a: {} }, { a: {} })).toBe(false);
  });
});

describe("share", () => {
  const before = { layers: [{ path: "a", values: { n: 1 } }, { path: "b", values: { n: 2 } }], total: { n: 3 } };

  it("gives back what is there where nothing changed", () => {
    expect(share(before, structuredClone(before))).toBe(before);
  });

  it("keeps the parts that did not change", () => {
    const next = structuredClone(before);
    next.layers[1]!.values.n = 7;
    const found = share(before, next);
    expect(found).toEqual(next);
    expect(found.layers[0]).toBe(before.layers[0]);
    expect(found.layers[1]).not.toBe(before.layers[1]);
    expect(found.total).toBe(before.total);
  });

  it("finds a card again that has moved", () => {
    const next = { ...structuredClone(before), layers: [{ path: "new", values: { n: 0 } }, ...structuredClone(before.layers)] };
    const found = share(before, next);
    expect(found.layers.slice(1)).toEqual(before.layers);
    expect(found.layers[1]).toBe(before.layers[0]);
    expect(found.layers[2]).toBe(before.layers[1]);
  });

  it("does not mistake a value for another kind of value", () => {
    expect(share({ a: [1] }, { a: { 0: 1 } })).toEqual({ a: { 0: 1 } });
    expect(share({ a: null }, { a: [1] })).toEqual({ a: [1] });
    expect(share({ a: 1, b: 2 }, { a: 1 })).toEqual({ a: 1 });
  });
});
