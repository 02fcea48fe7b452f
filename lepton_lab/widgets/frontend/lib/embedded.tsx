// Other widgets of the kernel, drawn inside this one.
import { useEffect, useRef, useState } from "preact/hooks";
import { common } from "../strings/en/common";
import { Strip } from "./controls";
import type { Failure } from "./link";
import { useHost } from "./widget";

/** Reads a rejected promise as something that can be shown. */
export function asFailure(error: unknown): Failure {
  const known = error as Partial<Failure> | null;
  return known?.title ? (known as Failure) : { title: common.noPart, detail: String(error), fix: "" };
}

/** Draws the widgets that `refs` name (Python's `widget.ref`), one below the other; drawn anew only when a name changes. */
export function Embedded({ refs }: { refs: readonly string[] }) {
  const host = useHost();
  const place = useRef<HTMLDivElement>(null);
  const [failure, setFailure] = useState<Failure | null>(null);
  const names = refs.filter(Boolean).join(" ");
  useEffect(() => {
    const gone = new AbortController();
    const show = async () => {
      for (const ref of names.split(" ").filter(Boolean)) {
        const part = await host!.getWidget(ref);
        if (gone.signal.aborted || !place.current) return;
        const el = document.createElement("div");
        place.current.append(el);
        await part.render({ el, signal: gone.signal });
      }
    };
    show().catch((error) => gone.signal.aborted || setFailure(asFailure(error)));
    return () => {
      gone.abort();
      place.current?.replaceChildren();
    };
  }, [host, names]);
  return (
    <>
      {failure && (
        <Strip kind="danger" title={failure.title} detail={[failure.detail, failure.fix].join(" ")} onClose={() => setFailure(null)} />
      )}
      <div ref={place} />
    </>
  );
}
