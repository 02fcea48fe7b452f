import { describe, expect, it } from "vitest";
import { app_start as t } from "../strings/en/app_start";
import { bytesOf } from "./thumbs";

describe("the start page", () => {
  it("says times as estimates", () => {
    expect([0.2, 3.4, 17, 43, 62, 150].map(t.seconds)).toEqual(["≈ 1 s", "≈ 3 s", "≈ 15 s", "≈ 45 s", "≈ 1 min", "≈ 3 min"]);
  });

  it("reads the bytes of an image", () => {
    expect([...bytesOf(btoa("\u0000\u0080\u00ff"))]).toEqual([0, 128, 255]);
  });
});
