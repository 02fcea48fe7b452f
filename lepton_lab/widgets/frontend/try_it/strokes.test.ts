import { expect, test } from "vitest";
import { bounds, frame, thinned, trace } from "./strokes";

test("the ink reaches half a pen beyond the points", () => {
  expect(bounds([[100, 200, 300, 250]], 40)).toEqual([80, 180, 320, 270]);
  expect(bounds([], 40)).toBeNull();
});

test("what is drawn alone is sent, in its proportions, at most 112 pixels long", () => {
  const part = frame([[500, 100, 500, 700]], 100, 1.2, true)!;
  expect(part).toMatchObject({ left: 450, top: 50, height: 112 });
  expect(part.width).toBe(Math.round((100 / 700) * 112));
});

test("the whole sheet is sent where the data fill their images", () => {
  expect(frame([[500, 100, 510, 100]], 100, 2, false)).toMatchObject({ left: 0, top: 0, width: 112, height: 56 });
});

test("a dot is drawn, and a line goes through its points", () => {
  const calls: [string, number[]][] = [];
  const context = new Proxy({} as any, {
    get: (_, name: string) => (...args: number[]) => void calls.push([name, args]),
    set: () => true,
  });
  trace(context, [[10, 20]], 5, 2);
  expect(calls.map(([name]) => name)).toEqual(["beginPath", "moveTo", "lineTo", "stroke"]);
  calls.length = 0;
  trace(context, [[0, 0, 10, 0, 20, 10, 30, 10]], 5, 1);
  expect(calls.filter(([name]) => name === "quadraticCurveTo")).toEqual([["quadraticCurveTo", [10, 0, 15, 5]], ["quadraticCurveTo", [20, 10, 25, 10]]]);
  expect(calls.at(-2)).toEqual(["lineTo", [30, 10]]);
});

test("a long drawing is thinned and keeps its ends", () => {
  const long = Array.from({ length: 20000 }, (_, i) => i + 0.4);
  const [kept] = thinned([long]);
  expect(kept!.length).toBeLessThanOrEqual(6000);
  expect(kept!.slice(0, 2)).toEqual([0, 1]);
  expect(kept!.slice(-2)).toEqual([19998, 19999]);
  expect(thinned([[1.4, 2.6]])).toEqual([[1, 3]]);
});
