// Files that were dropped or chosen, folders with all that is in them.
import type { Chosen } from "./handoff";

/** Called with the files found so far, of which a folder of thousands takes a while. */
type Found = (count: number) => void;

interface Entry {
  isFile: boolean;
  isDirectory: boolean;
  fullPath: string;
  file(done: (file: File) => void, failed: (error: unknown) => void): void;
  createReader(): { readEntries(done: (entries: Entry[]) => void, failed: (error: unknown) => void): void };
}

/** Files that file managers leave behind and nobody means. */
export function isHidden(path: string): boolean {
  return path.split("/").some((part) => part.startsWith(".") || ["__MACOSX", "Thumbs.db", "desktop.ini"].includes(part));
}

/** All files of a drop. Must be called within the event itself: its items are gone afterwards. */
export function droppedFiles(transfer: DataTransfer, found?: Found): Promise<Chosen[]> {
  const entries: Entry[] = [];
  const plain: File[] = [];
  for (const item of Array.from(transfer.items ?? [])) {
    if (item.kind !== "file") continue;
    const entry = item.webkitGetAsEntry?.() as Entry | null;
    const file = entry ? null : item.getAsFile();
    if (entry) entries.push(entry);
    else if (file) plain.push(file);
  }
  if (!entries.length && !plain.length) plain.push(...Array.from(transfer.files ?? []));
  return walk(entries, chosenFiles(plain), found);
}

/** Files of an `<input type="file">`, of a folder with the folder's name in front. */
export function chosenFiles(files: Iterable<File>): Chosen[] {
  return Array.from(files, (file) => ({ path: file.webkitRelativePath || file.name, file })).filter(({ path }) => !isHidden(path));
}

async function walk(entries: Entry[], out: Chosen[], found?: Found): Promise<Chosen[]> {
  const waiting = [...entries];
  while (waiting.length) {
    const entry = waiting.pop()!;
    const path = entry.fullPath.replace(/^\/+/, "");
    if (isHidden(path)) continue;
    if (entry.isDirectory) waiting.push(...(await children(entry)));
    else if (entry.isFile) {
      // a file that vanished meanwhile, or may not be read, must not cost the others
      const file = await new Promise<File | null>((done) => entry.file(done, () => done(null)));
      if (file) out.push({ path, file });
      if (out.length % 256 === 0) found?.(out.length);
    }
  }
  return out.sort((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0));
}

/** A reader hands out at most 100 at once, and nothing at the end. */
async function children(entry: Entry): Promise<Entry[]> {
  const reader = entry.createReader();
  const all: Entry[] = [];
  for (;;) {
    const some = await new Promise<Entry[]>((done) => reader.readEntries(done, () => done([])));
    if (!some.length) return all;
    all.push(...some);
  }
}
