import { expect, it } from "vitest";
import { boundary, links, rgb, thinnedPath, toPicture, toPlane } from "./plane";

it("goes from the picture to the plane and back", () => {
  expect(toPlane(0, 0)).toEqual([-6, 6]);
  expect(toPlane(0.5, 0.5)).toEqual([0, 0]);
  expect(toPlane(2, -1)).toEqual([6, 6]);
  expect(toPicture(...toPlane(0.25, 0.75))).toEqual([0.25, 0.75]);
});

it("reads the colours that a browser computes", () => {
  expect(rgb("rgb(1, 20, 255)")).toEqual([1, 20, 255]);
  expect(rgb("color(srgb 0 0.5 1)")).toEqual([0, 128, 255]);
  expect(rgb("#0a0b0c")).toEqual([10, 11, 12]);
});

it("paints a place in its class's colour, the paler the less sure", () => {
  const found = boundary(new Uint8Array([0, 1]), new Uint8Array([255, 0]), [[1, 2, 3], [4, 5, 6]]);
  expect(Array.from(found)).toEqual([1, 2, 3, 128, 4, 5, 6, 0]);
});

it("draws weights as lines and leaves the faintest out", () => {
  const found = links(new Float32Array([2, -1, 0, 0.001]), 2, 2);
  expect(found).toEqual([{ from: 0, to: 0, width: 3, positive: true }, { from: 1, to: 0, width: 1.5, positive: false }]);
  expect(links(new Float32Array(4), 2, 2)).toEqual([]);
});

it("thins a drag", () => {
  expect(thinnedPath([[0, 0], [0.1, 0], [0.5, 0], [0.6, 0], [1, 0]], 0.4)).toEqual([[0, 0], [0.5, 0], [1, 0]]);
});
