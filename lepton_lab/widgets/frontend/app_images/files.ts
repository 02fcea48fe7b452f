// Pure parts: where files lie in an upload, and names that can be folders.
import type { Chosen } from "../lib/handoff";

/** Files below one folder, whose name becomes the project's: what lies loose is put into `name`. A lone zip stays as it is. */
export function rooted(files: readonly Chosen[], name: string): Chosen[] {
  if (files.length === 1 && /\.zip$/i.test(files[0]!.path)) return [...files];
  const tops = new Set(files.map(({ path }) => (path.includes("/") ? path.slice(0, path.indexOf("/")) : "")));
  if (tops.size === 1 && !tops.has("")) return [...files];
  return files.map(({ path, file }) => ({ path: `${name}/${path}`, file }));
}

/** A class's name as a folder's: nothing that leads elsewhere, is hidden, or was there before. */
export function folderName(name: string, taken: ReadonlySet<string>): string {
  const plain = name.replace(/[/\\\p{Cc}]+/gu, "-").trim().replace(/^\.+/, "_").slice(0, 60).trim() || "class";
  let free = plain;
  for (let n = 2; taken.has(free); n++) free = `${plain} ${n}`;
  return free;
}

export interface Shelf {
  name: string;
  frames: readonly Blob[];
}

/** What a camera took, as files in a folder for each class. */
export function framesAsFiles(shelves: readonly Shelf[], root: string): Chosen[] {
  const taken = new Set<string>();
  return shelves
    .filter(({ frames }) => frames.length)
    .flatMap(({ name, frames }) => {
      const folder = folderName(name, taken);
      taken.add(folder);
      return frames.map((file, i) => ({ path: `${root}/${folder}/${String(i + 1).padStart(4, "0")}.jpg`, file }));
    });
}
