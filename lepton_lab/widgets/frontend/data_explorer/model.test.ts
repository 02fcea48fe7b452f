import { describe, expect, it } from "vitest";
import { type Column, NOTHING, type Step, caption, cut, extremes, headline, scaleTop, suggestions, toSettings, toSteps } from "./model";

describe("augmentation", () => {
  it("goes from settings to steps and back", () => {
    const s = { ...NOTHING, turn: 15, shift: 3, zoom: 20, on: { ...NOTHING.on, mirror: true, cover: true } };
    const steps = toSteps(s, 28);
    expect(steps.map((step) => step.kind)).toEqual(["flip", "affine", "erase"]);
    expect(steps[1]).toMatchObject({ degrees: 15, translate: 3 / 28, scale: [0.8, 1.2] });
    expect(toSettings(steps, 28)).toEqual(s);
  });
  it("keeps steps that have no slider", () => {
    const steps: Step[] = [{ kind: "flip_vertical", p: 0.5 }, { kind: "affine", degrees: 0, translate: 0, scale: [1, 1], shear: 5 }];
    const s = toSettings(steps, 28);
    expect(Object.values(s.on).some(Boolean)).toBe(false);
    expect(toSteps(s, 28).map((step) => step.kind)).toEqual(["affine", "flip_vertical"]);
    expect(toSteps(s, 28)[0]).toMatchObject({ shear: 5 });
  });
  it("gives no steps where all is off", () => {
    const off = Object.fromEntries(Object.keys(NOTHING.on).map((key) => [key, false])) as typeof NOTHING.on;
    expect(toSteps({ ...NOTHING, on: off }, 28)).toEqual([]);
  });
  it("says what was drawn", () => {
    expect(caption([{ degrees: -8.3, right: -1.2, down: 0.2, scale: 1.08 }])).toEqual(["−8°, × 1.08", "−1, 0 px"]);
    expect(caption([{ mirrored: 1 }, { degrees: 0.1, right: 0, down: 0, scale: 1 }])).toEqual(["mirrored"]);
    expect(caption([{ mirrored: 0 }])).toEqual(["unchanged"]);
  });
});

describe("bars and pictures", () => {
  it("leave room for the even share and the fullest class", () => {
    expect(scaleTop(269, 2400, 0.1)).toBeCloseTo(0.12, 2);
    expect(scaleTop(900, 1000, 0.5)).toBeGreaterThan(0.9);
    expect(scaleTop(0, 0, null)).toBeGreaterThan(0);
  });
  it("cut one picture out of many", () => {
    const bytes = new Uint8Array([0, 1, 2, 3, 4, 5, 6, 7]);
    expect([...cut(bytes, 1, { form: "image", labels: [], width: 2, height: 2, channels: 1 })]).toEqual([4, 5, 6, 7]);
  });
  it("name the least and the most frequent class", () => {
    const balance = [5, 0, 9, 2].map((count, i) => ({ name: String(i), count }));
    expect(extremes(balance)).toEqual([3, 2]);
    expect(extremes(balance.slice(0, 2))).toBeNull();
  });
});

describe("suggested cleaning", () => {
  const column = (name: string, ...changes: string[]): Column => ({
    name, kind: "number", role: "feature", missing: 0, unique: 2, histogram: [], low: "", high: "", middle: "", top: [], tells: 0,
    issues: changes.map((change) => ({ severity: change === "use" ? "info" : "warning", title: "", detail: "", label: "", change })),
  });
  it("does not clean a column that is left out anyway", () => {
    expect(suggestions([column("a", "leave_out", "mark"), column("b", "join"), column("id", "use")])).toEqual([
      ["leave_out", "a"],
      ["join", "b"],
    ]);
  });
});

describe("headlines", () => {
  it("are the first sentence, or what stands before a list", () => {
    expect(headline({ message: "3 of 9 images cannot be read and were left out: train/7/broken-0.png: the file is empty; two more.", suggestion: "Replace them." })).toEqual([
      "3 of 9 images cannot be read and were left out",
      "train/7/broken-0.png: the file is empty; two more. Replace them.",
    ]);
    expect(headline({ message: "12 samples of test also in train.", suggestion: "" })).toEqual(["12 samples of test also in train", ""]);
    expect(headline({ message: "Images differ in size. All are brought to one.", suggestion: "" })[0]).toBe("Images differ in size");
  });
});
