// What the frame knows. Synced: address, state, refs. Never synced: theme, connection.

export const STEPS = ["data", "network", "train", "inspect", "evaluate", "take-away"] as const;
export type Step = (typeof STEPS)[number];

export interface State {
  page: string;
  project: { id: string; title: string; marks: Record<Step, string>; run: { id: string; state: string; ended: boolean } | null } | null;
  busy: string;
  problem: { title: string; detail: string; fix: string } | null;
  workspace: string;
}

export const isStep = (page: string): page is Step => (STEPS as readonly string[]).includes(page);

/** The address that the browser shows, without what stands before "#/". */
export const fromHash = (hash: string): string => hash.replace(/^#?\/?/, "");
export const toHash = (address: string): string => `#/${address}`;

/** Where a link to a page of the app leads. */
export function linkTo(page: string, state: State): string {
  return toHash(isStep(page) && state.project ? `p/${state.project.id}/${page}` : page);
}

/** What the browser's tab says. */
export function titleOf(state: State, brand: string, page: string): string {
  const live = state.project?.marks.train === "live" ? "● " : "";
  return state.project ? `${live}${state.project.title}: ${page} - ${brand}` : brand;
}
