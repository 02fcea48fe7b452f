// Keeps the store of a view up to date: listens, asks for what was missed, and redraws while somebody looks.
import { useEffect, useRef, useState } from "preact/hooks";
import { afterFrame, Pace } from "../lib/pace";
import { useApart, useLink, useMessages, useTrait, useVisible } from "../lib/widget";
import type { Colour } from "./curves";
import { type Finding, type Forking, type RunData, type StartState, Store } from "./store";

export interface Shown {
  run: RunData;
  color: Colour;
}

const AGAIN_MS = 1000;
const LEEWAY_MS = 50; // messages come in steps of a tenth of a second
const READ_MS = 250; // numbers that change more often than that cannot be read

/** The runs in the order of their colours; the first is the one that the controls act on. `told` changes when texts are
 * due: every second time that curves are drawn, since laying texts out is dearer than a curve, and at once where somebody
 * may wait for them. */
export function useRuns(): { told: number; main: RunData | null; runs: Shown[]; start: StartState; finding: Finding | null; forking: Forking; loaded: boolean; runId: string } {
  const link = useLink();
  const visible = useVisible();
  const [runId] = useTrait<string>("run_id");
  const [compare] = useTrait<string[]>("compare");
  const store = useRef(new Store());
  const [loaded, setLoaded] = useState(false);
  const [, redraw] = useState(0);
  const state = useRef({ asking: false, dirty: false, visible, timer: 0, frame: 0, late: 0, urgent: true, told: 0, toldAt: 0, pace: new Pace() });
  state.current.visible = visible;
  const setApart = useApart();

  const paint = () => {
    const now = state.current;
    now.timer = 0;
    now.frame ||= requestAnimationFrame(() => {
      now.frame = 0;
      now.dirty = false;
      const began = performance.now();
      const due = now.toldAt + Math.max(READ_MS, 2 * now.pace.apart - LEEWAY_MS) - began;
      clearTimeout(now.late);
      if (now.urgent || due <= 0) {
        now.told += 1;
        now.toldAt = began;
        now.urgent = false;
      } else now.late = window.setTimeout(() => draw(true), due + AGAIN_MS); // where nothing more comes
      redraw((n) => n + 1);
      afterFrame(() => {
        now.pace.took(began, performance.now() - began);
        setApart(now.pace.apart);
      });
    });
  };
  /** Draws when it is due; at once where somebody waits for it. With `readable` the texts too. */
  const draw = (urgent: boolean, readable = urgent) => {
    const now = state.current;
    now.dirty = true;
    now.urgent ||= readable;
    if (!now.visible || now.frame || (now.timer && !urgent)) return;
    clearTimeout(now.timer);
    const wait = urgent ? 0 : now.pace.wait(performance.now());
    if (wait > 0) now.timer = window.setTimeout(paint, wait);
    else paint();
  };
  const catchUp = async () => {
    if (state.current.asking) return;
    state.current.asking = true;
    try {
      const { result, buffers } = await link.call("catch_up");
      const fresh = new Store();
      fresh.apply(result, buffers);
      for (const [id, run] of fresh.runs) store.current.runs.set(id, run);
      store.current.start = fresh.start;
      store.current.finding = fresh.finding;
      store.current.forking = fresh.forking;
      setLoaded(true);
      draw(true);
    } catch {
      setTimeout(catchUp, AGAIN_MS); // the kernel says in the strip what is wrong
    } finally {
      state.current.asking = false;
    }
  };
  useMessages("news", (content, buffers) => {
    const before = store.current.told();
    if (!store.current.apply(content, buffers)) void catchUp();
    const changed = store.current.told() !== before;
    draw(changed, changed || store.current.runs.get(runId)?.status?.state !== "running");
  });
  useMessages("missed", () => void catchUp());
  const ids = [runId, ...compare].filter(Boolean);
  useEffect(() => {
    store.current.keep(ids);
    if (!loaded || ids.some((id) => !store.current.runs.has(id))) void catchUp();
  }, [ids.join(" ")]);
  useEffect(() => {
    if (visible && state.current.dirty) draw(true);
  }, [visible]);
  useEffect(() => () => {
    clearTimeout(state.current.timer);
    clearTimeout(state.current.late);
    cancelAnimationFrame(state.current.frame);
  }, []);

  const runs: Shown[] = [];
  ids.forEach((id, i) => {
    const run = store.current.runs.get(id);
    if (run) runs.push({ run, color: ((i % 8) + 1) as Colour });
  });
  return { told: state.current.told, main: store.current.runs.get(runId) ?? null, runs, start: store.current.start, finding: store.current.finding, forking: store.current.forking, loaded, runId };
}
