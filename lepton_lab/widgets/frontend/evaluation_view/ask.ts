// Orders with arrays in their answers; what goes wrong is shown in the widget's strip.
import { useMemo } from "preact/hooks";
import { useLink, useRoot } from "../lib/widget";

export type Answer = { result: any; buffers: DataView[] };
export type Ask = (op: string, args?: Record<string, unknown>) => Promise<Answer | null>;

export function useAsk(): Ask {
  const [link, root] = [useLink(), useRoot()];
  return useMemo(
    () => async (op, args = {}) => {
      try {
        return await link.call(op, args);
      } catch (failure) {
        root.dispatchEvent(new CustomEvent("ll-failure", { detail: failure }));
        return null;
      }
    },
    [link, root],
  );
}

/** Gives bytes to the person as a file. */
export function download(name: string, type: string, bytes: DataView): void {
  const address = URL.createObjectURL(new Blob([bytes as DataView<ArrayBuffer>], { type }));
  const anchor = document.createElement("a");
  anchor.href = address;
  anchor.download = name;
  anchor.click();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}
