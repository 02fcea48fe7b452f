// Files that one page of the app leaves for the next: chosen on the start page, sent by the page of their door.
// Every page is a module of its own, so they lie at the window; a reload forgets them, as the browser does.

/** A file as a person chose it, with the folders that it lay in: "fruit/apple/1.jpg". */
export interface Chosen {
  path: string;
  file: Blob;
}

export type Door = "images" | "table";

/** What the start page was asked for: files, or a way to bring some. */
export interface Handed {
  files?: Chosen[];
  mode?: "camera" | "paste";
}

const key = Symbol.for("lepton-lab.handed");
type Store = Partial<Record<Door, Handed>>;

function store(): Store {
  const place = window as unknown as Record<symbol, Store | undefined>;
  return (place[key] ??= {});
}

/** Leaves something for a door's page. */
export function hand(door: Door, handed: Handed): void {
  store()[door] = handed;
}

/** Takes what was left for a door's page, once; null where there is nothing. */
export function takeHanded(door: Door): Handed | null {
  const handed = store()[door] ?? null;
  delete store()[door];
  return handed;
}

const kept = Symbol.for("lepton-lab.kept");

/** Says that this page holds what a reload would lose, such as files on their way; returns what takes it back. */
export function keepPage(): () => void {
  const place = window as unknown as Record<symbol, number | undefined>;
  place[kept] = (place[kept] ?? 0) + 1;
  let done = false;
  return () => {
    if (!done) place[kept] = (place[kept] ?? 1) - 1;
    done = true;
  };
}

/** Whether a reload would lose something now. */
export function pageIsKept(): boolean {
  return ((window as unknown as Record<symbol, number | undefined>)[kept] ?? 0) > 0;
}
