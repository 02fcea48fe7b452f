import { expect, it } from "vitest";
import { centred, ends, type LayerLook, moments, pictures, rescaled, short, spread, values } from "./sight";

const layer: LayerLook = {
  name: "conv", kind: "maps", shape: [2, 1, 2], buffer: 0, units: [5, 1], size: [1, 2], lows: [0, -1], highs: [2, 1],
  low: -1, high: 2, zero: 0, averaged: false, finite: true,
};

it("keeps a silent map dark and begins at zero where nothing is below", () => {
  expect(ends(0.5, 2)).toEqual([0, 2]);
  expect(ends(-1, 2)).toEqual([-1, 2]);
  expect(Array.from(rescaled(new Uint8Array([0, 0]), 0, 0, ...ends(0, 0)))).toEqual([0, 0]);
});

it("draws each map on its own scale, or all of a layer on one", () => {
  const codes = new Uint8Array([0, 255, 0, 255]);
  const own = pictures(layer, codes, "map");
  expect(own.map((p) => p.unit)).toEqual([5, 1]);
  expect(Array.from(own[0]!.data)).toEqual([0, 255]);
  expect([own[1]!.low, own[1]!.high]).toEqual([-1, 1]);
  const shared = pictures(layer, codes, "layer");
  expect(Array.from(shared[0]!.data)).toEqual([85, 255]); // 0 and 2 between -1 and 2
  expect(Array.from(shared[1]!.data)).toEqual([0, 170]);
  expect([shared[0]!.low, shared[0]!.high]).toEqual([-1, 2]);
});

it("gives the values of units back", () => {
  const units: LayerLook = { ...layer, kind: "units", units: [], lows: [-1], highs: [1], size: [1, 3] };
  expect(values(units, new Uint8Array([0, 255, 128])).map((v) => Number(v.toFixed(2)))).toEqual([-1, 1, 0]);
});

it("puts zero weights into the middle of the ramp", () => {
  expect(Array.from(centred(new Float32Array([-2, 0, 2]), 2))).toEqual([0, 128, 255]);
  expect(Array.from(centred(new Float32Array([0]), 0))).toEqual([128]);
});

it("writes the ends of scales shortly", () => {
  expect([0, 1.234, -0.05, 123456, -1e-5].map(short)).toEqual(["0", "1.2", "−0.05", "1e5", "−1e-5"]);
});

it("offers the moments before now, and now", () => {
  expect(moments({ steps: [10, 20, 30], now: 30 })).toEqual([10, 20, -1]);
  expect(moments({ steps: [], now: 0 })).toEqual([-1]);
  expect(spread(3, 7)).toEqual([0, 1, 2]);
  expect(spread(13, 7)).toEqual([0, 2, 4, 6, 8, 10, 12]);
});
