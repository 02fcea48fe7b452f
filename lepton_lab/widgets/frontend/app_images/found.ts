// What the kernel says of an upload.

export interface ClassRow {
  name: string;
  /** Images that would be used, and all. */
  count: number;
  all: number;
  use: boolean;
}

export interface Problem {
  kind: string;
  level: "danger" | "warn" | "info";
  title: string;
  detail: string;
  /** What a click does; empty where nothing needs to be done. */
  remedy: string;
  /** What is said once it is done. */
  done: string;
  on: boolean;
  files: string[];
  /** The class that several become. */
  into: string;
}

export interface Found {
  title: string;
  classes: ClassRow[];
  count: number;
  loose: number;
  problems: Problem[];
  waiting: string;
  side: number;
  own: [number, number];
  same: boolean;
  fit: "crop" | "pad" | "stretch";
  vary: boolean;
  gone: number;
}

export interface Trouble {
  title?: string;
  detail?: string;
  fix?: string;
}

const SIDES = [32, 64, 96, 128, 224] as const;

/** Sizes that can be chosen: as the images are, where they have one size that is not huge, and squares that are not larger than them. */
export function sides(found: Found): number[] {
  const own = Math.max(...found.own);
  const squares = SIDES.filter((side) => side <= Math.max(64, own) || side === found.side);
  return found.same && own <= 224 ? [0, ...squares] : squares;
}

/** A group whose images a person has to sort: the pile, or the only class; null where there is nothing to sort. */
export function toSort(found: Found): string | null {
  if (found.loose) return "";
  return found.waiting ? ([...found.classes].sort((a, b) => b.all - a.all)[0]?.name ?? "") : null;
}
