// Training monitor: curves, state and controls of a run.
//
// Synced: run_id, compare, axis, scale, smoothing, framed. Never synced: zoom, hover, hidden runs, open dialogs, and the
// curves, which come as messages (see store.ts).
import { useMemo, useState } from "preact/hooks";
import { Empty, Strip } from "../lib/controls";
import { useTrait, widget } from "../lib/widget";
import { monitor as words } from "../strings/en/training_monitor";
import { Charts } from "./charts";
import { ForkDialog, NoteDialog } from "./dialogs";
import { Header } from "./header";
import { Steer } from "./steer";
import { Strips } from "./strips";
import { Foot, RunTable } from "./table";
import css from "./training_monitor.css";
import { useRuns } from "./use_runs";

function App() {
  const { main, runs, start, finding, loaded, runId } = useRuns();
  const [framed] = useTrait<boolean>("framed");
  const [hidden, setHidden] = useState<ReadonlySet<string>>(new Set());
  const [dialog, setDialog] = useState<"" | "fork" | "note">("");
  const shown = useMemo(() => runs.filter(({ run }) => !hidden.has(run.id)), [runs, hidden]);
  const hide = (id: string, on: boolean) => {
    const next = new Set(hidden);
    if (on) next.add(id);
    else next.delete(id);
    setHidden(next);
  };
  const values = runs.some(({ run }) => run.tables.steps.total > 0 || run.tables.epochs.total > 0);
  const idle = !runId && !runs.length;
  return (
    <section class={framed ? "ll-frame monitor" : "monitor"} aria-label={main?.about ? main.about.name : words.ready}>
      {main && <Strips run={main} start={start} />}
      {finding && values && <Strip kind={finding.severity === "problem" ? "danger" : "warn"} title={finding.title} detail={finding.detail} />}
      {main && <Header run={main} />}
      {(main || start.can) && <Steer run={main} start={start} onFork={() => setDialog("fork")} onNote={() => setDialog("note")} />}
      {values ? (
        <Charts runs={shown} />
      ) : (
        <div class="nothing">
          {loaded && (
            <Empty
              title={!idle ? words.waiting : start.can ? words.ready : words.empty}
              detail={!idle ? words.waitingDetail : start.can ? start.why || words.readyDetail : words.emptyDetail}
            />
          )}
        </div>
      )}
      {runs.length > 0 && <RunTable runs={runs} hidden={hidden} onHide={hide} />}
      <Foot run={main} />
      {dialog === "fork" && main && <ForkDialog run={main} onClose={() => setDialog("")} />}
      {dialog === "note" && main && <NoteDialog run={main} onClose={() => setDialog("")} />}
    </section>
  );
}

export default widget(App, "training_monitor", css);
