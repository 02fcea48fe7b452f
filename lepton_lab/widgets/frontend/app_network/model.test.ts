import { describe, expect, it } from "vitest";
import { about, aboutBytes, HEIGHT, layout } from "./model";

describe("estimates of time", () => {
  it.each([
    [null, "…"],
    [0.02, "< 0.1 s"],
    [0.44, "≈ 0.4 s"],
    [0.96, "≈ 1 s"],
    [1.6, "≈ 2 s"],
    [12.4, "≈ 12 s"],
    [43, "≈ 45 s"],
    [89, "≈ 90 s"],
    [150, "≈ 3 min"],
    [5000, "≈ 83 min"],
    [9000, "≈ 2.5 h"],
    [90_000, "≈ 25 h"],
  ])("says %s seconds as %s", (seconds, text) => expect(about(seconds)).toBe(text));
});

it.each([
  [900_000, "< 1 MiB"],
  [9_500_000, "≈ 9.1 MiB"],
  [147_000_000, "≈ 140 MiB"],
  [1_400_000_000, "≈ 1.3 GiB"],
])("says %s bytes as %s", (bytes, text) => expect(aboutBytes(bytes)).toBe(text));

describe("the drawing", () => {
  const blocks = [
    { side: 28, width: 1, kind: "input" as const },
    { side: 14, width: 16, kind: "layer" as const },
    { side: 7, width: 32, kind: "skip" as const },
    { side: 0, width: 128, kind: "layer" as const },
    { side: 0, width: 10, kind: "layer" as const },
  ];

  it("stands from left to right inside its height", () => {
    const { drawn, width } = layout(blocks);
    expect(drawn.every((block) => block.y >= 0 && block.y + block.height <= HEIGHT)).toBe(true);
    expect(drawn.every((block, i) => i === 0 || block.x > drawn[i - 1]!.x + drawn[i - 1]!.width)).toBe(true);
    expect(width).toBeGreaterThanOrEqual(drawn.at(-1)!.x + drawn.at(-1)!.width);
  });

  it("draws larger maps higher, and more channels thicker", () => {
    const { drawn } = layout(blocks);
    expect(drawn[0]!.height).toBeGreaterThan(drawn[1]!.height);
    expect(drawn[2]!.width).toBeGreaterThan(drawn[1]!.width);
    expect(drawn[3]!.height).toBeGreaterThan(drawn[4]!.height);
  });

  it("says what it draws", () => {
    expect(layout(blocks).drawn.map((block) => block.what)).toEqual(["1 map of 28 × 28", "16 maps of 14 × 14", "32 maps of 7 × 7", "128 numbers", "10 numbers"]);
    expect(layout([{ side: 64, width: 32, kind: "read" }]).drawn[0]!.what).toBe("64 steps of 32");
  });

  it("is empty for a network without a form", () => expect(layout([]).drawn).toEqual([]));
});
