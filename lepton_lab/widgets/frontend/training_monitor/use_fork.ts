// Forks on their way. The kernel answers before a fork is made; that one is being made, or why it failed, is state of the
// monitor, so that every view shows it.
import { useEffect, useRef, useState } from "preact/hooks";
import { useFail, useOrder } from "../lib/widget";
import type { Forking } from "./store";

export type Fork = (of: { at: "last" | "best"; name?: string; changes: Record<string, number> }) => void;

/** Whether a fork is on its way, and what orders one. */
export function useFork({ pending, failed }: Forking, loaded: boolean): [boolean, Fork] {
  const [order, fail] = [useOrder(), useFail()];
  const [sent, setSent] = useState(false);
  const seen = useRef<number | null>(null);
  useEffect(() => {
    if (!loaded) return;
    const number = failed?.number ?? 0;
    if (number > (seen.current ?? number)) fail(failed); // what failed before this view was opened is past
    seen.current = number;
  }, [failed?.number, loaded]);
  const fork: Fork = (of) => {
    setSent(true);
    void order("fork", of).then(() => setSent(false));
  };
  return [sent || pending > 0, fork];
}
