import { describe, expect, it } from "vitest";
import { chosenFiles, droppedFiles } from "../lib/dropped";
import { hand, keepPage, pageIsKept, takeHanded } from "../lib/handoff";
import { folderName, framesAsFiles, rooted } from "./files";
import { type Found, sides, toSort } from "./found";

const blob = new Blob(["x"]);
const at = (...paths: string[]) => paths.map((path) => ({ path, file: blob }));
const paths = (files: { path: string }[]) => files.map(({ path }) => path);

describe("where files lie in an upload", () => {
  it("keeps one folder and one zip as they are, and puts everything else into a folder", () => {
    expect(paths(rooted(at("fruit/a/1.jpg", "fruit/b/2.jpg"), "Mine"))).toEqual(["fruit/a/1.jpg", "fruit/b/2.jpg"]);
    expect(paths(rooted(at("x.ZIP"), "Mine"))).toEqual(["x.ZIP"]);
    expect(paths(rooted(at("a/1.jpg", "b/2.jpg"), "Mine"))).toEqual(["Mine/a/1.jpg", "Mine/b/2.jpg"]);
    expect(paths(rooted(at("1.jpg", "2.jpg"), "Mine"))).toEqual(["Mine/1.jpg", "Mine/2.jpg"]);
    expect(paths(rooted(at("fruit/1.jpg", "2.jpg"), "Mine"))).toEqual(["Mine/fruit/1.jpg", "Mine/2.jpg"]);
  });

  it("makes folders of classes' names that lead nowhere else", () => {
    expect(folderName(" ../../etc ", new Set())).toBe("_-..-etc");
    expect(folderName("cat/dog\\\u0007", new Set())).toBe("cat-dog-");
    expect(folderName("🍎", new Set(["🍎"]))).toBe("🍎 2");
    expect(folderName("  ", new Set())).toBe("class");
  });

  it("gives two classes of the same name two folders, and leaves out empty ones", () => {
    const shelves = [{ name: "a", frames: [blob, blob] }, { name: "empty", frames: [] }, { name: "a", frames: [blob] }];
    expect(paths(framesAsFiles(shelves, "Camera"))).toEqual(["Camera/a/0001.jpg", "Camera/a/0002.jpg", "Camera/a 2/0001.jpg"]);
  });
});

describe("what was dropped", () => {
  const file = (name: string) => ({ isFile: true, isDirectory: false, fullPath: `/${name}`, file: (done: (f: File) => void) => done(new File(["x"], name)) });
  const lost = { isFile: true, isDirectory: false, fullPath: "/d/lost.jpg", file: (_: unknown, failed: (e: unknown) => void) => failed(new Error()) };
  const folder = (name: string, entries: unknown[], most = 100) => ({
    isFile: false,
    isDirectory: true,
    fullPath: `/${name}`,
    createReader: () => {
      let from = 0;
      return { readEntries: (done: (some: unknown[]) => void) => done(entries.slice(from, (from += most))) };
    },
  });
  const transfer = (...entries: unknown[]) =>
    ({ items: entries.map((entry) => ({ kind: "file", webkitGetAsEntry: () => entry })), files: [] }) as unknown as DataTransfer;

  it("finds every file of a folder, though a reader hands out a hundred at once", async () => {
    const many = Array.from({ length: 250 }, (_, i) => file(`d/b/${i}.jpg`));
    const counts: number[] = [];
    const found = await droppedFiles(transfer(folder("d", [folder("d/b", many), file("d/.DS_Store"), lost, file("d/a.jpg")], 2)), (n) => counts.push(n));
    expect(found.length).toBe(251);
    expect(found[0]!.path).toBe("d/a.jpg");
  });

  it("leaves out what file managers leave behind", () => {
    expect(paths(chosenFiles([new File([], "Thumbs.db"), new File([], "a.jpg"), new File([], ".hidden")]))).toEqual(["a.jpg"]);
  });

  it("keeps a page from being loaded again until everybody is done", () => {
    const [one, two] = [keepPage(), keepPage()];
    one();
    one();
    expect(pageIsKept()).toBe(true);
    two();
    expect(pageIsKept()).toBe(false);
  });

  it("hands files to a door once", () => {
    hand("images", { files: at("a.jpg") });
    expect(takeHanded("table")).toBeNull();
    expect(takeHanded("images")?.files?.length).toBe(1);
    expect(takeHanded("images")).toBeNull();
  });
});

const found = (more: Partial<Found>): Found => ({
  title: "", classes: [], count: 0, loose: 0, problems: [], waiting: "", side: 64, own: [240, 320], same: false, fit: "crop", vary: true, gone: 0, ...more,
});

describe("choices", () => {
  it("offers sizes up to the images' own", () => {
    expect(sides(found({}))).toEqual([32, 64, 96, 128, 224]);
    expect(sides(found({ own: [28, 28], same: true, side: 0 }))).toEqual([0, 32, 64]);
    expect(sides(found({ own: [50, 50] }))).toEqual([32, 64]);
    expect(sides(found({ own: [50, 50], side: 128 }))).toEqual([32, 64, 128]);
  });

  it("asks to sort the pile, or the only class", () => {
    const row = (name: string, all: number) => ({ name, all, count: all, use: true });
    expect(toSort(found({ loose: 4 }))).toBe("");
    expect(toSort(found({ waiting: "two_classes", classes: [row("a", 2), row("b", 9)] }))).toBe("b");
    expect(toSort(found({ classes: [row("a", 2), row("b", 9)] }))).toBeNull();
  });
});
