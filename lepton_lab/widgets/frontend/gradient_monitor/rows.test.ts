import { describe, expect, it } from "vitest";
import { grid, type Part, place, positions, Readings, ridgeOf, stretches, ticks, troubles, VIEWS } from "./rows";

const view = (values: number[], kind: typeof Float32Array | typeof Float64Array = Float32Array) => new DataView(new kind(values).buffer);

function part(steps: number[], values: number[], more: Partial<Part> = {}): [Part, DataView[]] {
  const base: Part = {
    columns: [{ quantity: "grad_norm", labels: ["a", "b"] }],
    first: 0, until: steps.length, generation: "1", state: "running", step: 1, probes: ["standard"], histograms: {},
    cost: { share: 0.01, budget: 0.03, measured: 1, spacing: 1 }, sizes: { a: 100, b: 100 },
  };
  return [{ ...base, ...more }, [view(steps, Float64Array), view(values)]];
}

describe("readings", () => {
  it("grow by cursor and ask again where something is missing", () => {
    const readings = new Readings();
    expect(readings.take(...part([1, 2], [1, 2, 3, 4]))).toBe(true);
    expect(readings.take(...part([3], [5, 6], { from: 2, until: 3 }))).toBe(true);
    expect(Array.from(readings.curve("grad_norm", "b")!.y)).toEqual([2, 4, 6]);
    expect(readings.take(...part([3], [5, 6], { from: 2, until: 3 }))).toBe(true); // seen already
    expect(readings.rows).toHaveLength(3);
    expect(readings.take(...part([9], [5, 6], { from: 7, until: 8 }))).toBe(false);
    const other = { from: 3, until: 4, columns: [{ quantity: "grad_norm", labels: ["b", "a"] }] };
    expect(readings.take(...part([4], [1, 1], other))).toBe(false);
  });

  it("stay bounded and keep the newest", () => {
    const readings = new Readings();
    const steps = Array.from({ length: 3000 }, (_, i) => i + 1);
    readings.take(...part(steps, steps.flatMap((s) => [s, s])));
    expect(readings.rows.length).toBeLessThan(1600);
    expect(readings.end).toBe(3000);
  });

  it("give the newest value up to a step", () => {
    const readings = new Readings();
    readings.take(...part([1, 5, 9], [1, NaN, 2, 8, 3, NaN]));
    expect(Array.from(readings.latest("grad_norm"))).toEqual([3, 8]);
    expect(Array.from(readings.latest("grad_norm", 5))).toEqual([2, 8]);
    expect(readings.latest("grad_norm", 1)[1]).toBeNaN();
  });
});

describe("the ramp", () => {
  const { stops } = VIEWS.gradients;
  it("has healthy in its middle and trouble at its ends", () => {
    expect(place(1e-12, stops)).toBe(0);
    expect(place(0, stops)).toBe(0);
    expect(place(1e-4, stops)).toBe(2);
    expect(place(1e-1, stops)).toBeCloseTo(3);
    expect(place(50, stops)).toBe(5);
    expect(place(Infinity, stops)).toBe(5);
    expect(place(NaN, stops)).toBeNaN();
  });

  it("fills columns without a reading from their neighbours", () => {
    const readings = new Readings();
    readings.take(...part([5, 10], [1e-2, 1e-8, 1e-2, 1e-8]));
    const { data, layers } = grid(readings, VIEWS.gradients, 8);
    expect(layers).toEqual(["a", "b"]);
    expect(Array.from(data).every((v) => !Number.isNaN(v))).toBe(true);
    expect(data[0]).toBeCloseTo(2.333, 2); // 1e-2 over the root of 100 weights is 1e-3
    expect(data[8]).toBeLessThan(1);
  });
});

describe("troubles", () => {
  it("name layers far below the others, and those that explode", () => {
    const readings = new Readings();
    readings.take(...part([1, 2], [1e-6, 1, 1e-6, 1]));
    expect(troubles(readings)).toEqual(["vanishing", null]);
    const small = new Readings(); // all are small alike, as at the end of a training
    small.take(...part([1], [5e-4, 4e-4]));
    expect(troubles(small)).toEqual([null, null]);
    const large = new Readings();
    large.take(...part([1], [50, Infinity]));
    expect(troubles(large)).toEqual(["exploding", "exploding"]);
    const unknown = new Readings();
    unknown.take(...part([1], [1e-9, 1], { sizes: {} }));
    expect(troubles(unknown)).toEqual([null, null]);
  });
});

it("places bins by their size, or by number where they have a sign", () => {
  expect(positions([0, 0.01, 0.04, null]).x.map((x) => Number(x.toFixed(2)))).toEqual([-2.3, -1.7, -1.1]);
  expect(positions([null, -1, 0, 1, null])).toEqual({ x: [0.5, 1.5, 2.5, 3.5], signed: true });
});

it("chooses round steps and ends with the last", () => {
  expect(ticks(1200)).toEqual([0, 200, 400, 600, 800, 1000, 1200]);
  expect(ticks(7)).toEqual([0, 2, 4, 6, 7]);
  expect(ticks(0)).toEqual([0]);
});

it("joins neighbours", () => {
  expect(stretches([0, 1, 2, 5])).toEqual([[0, 2], [5, 5]]);
});

describe("ridges", () => {
  it("are as tall as their largest bin beside the zeros, whose share stands alone", () => {
    expect(ridgeOf(new Float32Array([60, 10, 20, 10]), false)).toEqual({ heights: [0, 0.5, 1, 0.5], zeros: expect.closeTo(0.6) });
    expect(ridgeOf(new Float32Array([8, 0, 0]), false)).toEqual({ heights: [0, 0, 0], zeros: 1 });
    expect(ridgeOf(new Float32Array([4, 2, 0]), true)).toEqual({ heights: [1, 0.5, 0], zeros: 0 });
    expect(ridgeOf(new Float32Array([0, 0]), false)).toEqual({ heights: [0, 0], zeros: 0 });
  });
});
