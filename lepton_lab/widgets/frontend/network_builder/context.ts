// What the parts of the builder share.
import { createContext } from "preact";
import { useContext } from "preact/hooks";
import type { Kind, Palette, State } from "./model";
import type { Picture } from "./preview";

export interface Builder {
  state: State;
  palette: Palette | null;
  selection: readonly string[];
  folded: ReadonlySet<string>;
  picture: Picture | null;
  /** Name of the group of lists between which cards can be dragged: those of this view. */
  group: string;
  /** Carries out an edit; resolves with what failed, or null. */
  edit(edit: Record<string, unknown>): Promise<{ title: string; detail: string; fix: string } | null>;
  /** As `edit`, and shows in the strip what failed. */
  order(edit: Record<string, unknown>): Promise<boolean>;
  select(paths: string[]): void;
  /** What a card does; the same object as long as the view lives, so that cards need not be drawn anew for it. */
  acts: { click(path: string, event: MouseEvent): void; fold(path: string, folded: boolean): void };
  otherSample(): void;
  focusSettings(): void;
}

export const Context = createContext<Builder | null>(null);

export function useBuilder(): Builder {
  const builder = useContext(Context);
  if (!builder) throw new Error("used outside of the builder");
  return builder;
}

export const kindOf = (palette: Palette | null, kind: string): Kind | undefined => palette?.kinds[kind];
