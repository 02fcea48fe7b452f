import { describe, expect, it } from "vitest";
import { bodies, body, distinct } from "./files";

const file = (size: number) => new Blob([new Uint8Array(size).fill(7)]);
const shape = (found: ReturnType<typeof bodies>) => found.map((pieces) => pieces.map(({ path, at, end }) => [path, at, end]));

describe("bodies", () => {
  it("puts many small files into one request, and begins another where it is full", () => {
    const files = ["a", "b", "c"].map((path) => ({ path, file: file(4) }));
    expect(shape(bodies(files, 8))).toEqual([[["a", 0, 4], ["b", 0, 4]], [["c", 0, 4]]]);
    expect(bodies(files, 100, 2).map((pieces) => pieces.length)).toEqual([2, 1]);
  });

  it("cuts a large file, and keeps one that fits a request whole", () => {
    const files = [{ path: "a", file: file(3) }, { path: "large", file: file(20) }, { path: "b", file: file(8) }];
    expect(shape(bodies(files, 8))).toEqual([
      [["a", 0, 3], ["large", 0, 5]],
      [["large", 5, 13]],
      [["large", 13, 20]],
      [["b", 0, 8]],
    ]);
  });

  it("sends an empty file too", () => {
    expect(shape(bodies([{ path: "nothing", file: file(0) }]))).toEqual([[["nothing", 0, 0]]]);
  });
});

it("writes each piece behind its header", async () => {
  const [pieces] = bodies([{ path: "ä/😀.png", file: file(3) }]);
  const bytes = new Uint8Array(await body(pieces!).arrayBuffer());
  const length = new DataView(bytes.buffer).getUint32(0, true);
  expect(JSON.parse(new TextDecoder().decode(bytes.slice(4, 4 + length)))).toEqual({ path: "ä/😀.png", size: 3 });
  expect([...bytes.slice(4 + length)]).toEqual([7, 7, 7]);
});

it("says where a part of a file belongs", async () => {
  const found = bodies([{ path: "large", file: file(5) }], 3);
  const bytes = new Uint8Array(await body(found[1]!).arrayBuffer());
  const length = new DataView(bytes.buffer).getUint32(0, true);
  expect(JSON.parse(new TextDecoder().decode(bytes.slice(4, 4 + length)))).toEqual({ path: "large", size: 2, at: 3, total: 5 });
});

it("numbers names that are the same once composed", () => {
  const names = ["e\u0301.png", "\u00e9.png", "x/readme", "x/readme"].map((path) => ({ path, file: file(1) }));
  expect(distinct(names).map(({ path }) => path)).toEqual(["\u00e9.png", "\u00e9 (2).png", "x/readme", "x/readme (2)"]);
});
