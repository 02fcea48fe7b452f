import { describe, expect, it } from "vitest";
import { Pace } from "./pace";

describe("Pace", () => {
  it("draws at once what comes first", () => {
    expect(new Pace().wait(0)).toBe(0);
  });

  it("draws ten times a second where that is cheap, and twice where it is dear", () => {
    const [cheap, dear] = [new Pace(), new Pace()];
    cheap.took(0, 0.3);
    dear.took(0, 40);
    expect(cheap.apart).toBe(100);
    expect(dear.apart).toBe(500);
    expect(cheap.wait(30)).toBe(70);
    expect(dear.wait(600)).toBe(0);
  });

  it("keeps to its share in between, and follows what drawing costs", () => {
    const pace = new Pace();
    pace.took(0, 3);
    expect(pace.apart).toBeCloseTo(300);
    for (let at = 1; at < 40; at++) pace.took(300 * at, 1.5);
    expect(pace.apart).toBeCloseTo(150, 0);
  });
});
