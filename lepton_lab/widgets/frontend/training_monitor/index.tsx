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
import { useFork } from "./use_fork";
import { useRuns } from "./use_runs";

function App() {
  const { told, main, runs, start, finding, forking, loaded, runId } = useRuns();
  const [pending, fork] = useFork(forking, loaded);
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
  const on = [told, main?.id, pending];
  const head = useMemo(() => main && [<Strips run={main} start={start} forking={pending} fork={fork} />, <Header run={main} />], on);
  const table = useMemo(() => <RunTable runs={runs} hidden={hidden} onHide={hide} />, [...on, hidden, runs.map(({ run }) => run.id).join()]);
  return (
    <section class={framed ? "ll-frame monitor" : "monitor"} aria-label={main?.about ? main.about.name : words.ready}>
      {head?.[0]}
      {finding && values && <Strip kind={finding.severity === "problem" ? "danger" : "warn"} title={finding.title} detail={finding.detail} />}
      {head?.[1]}
      {(main || start.can) && <Steer run={main} start={start} forking={pending} onFork={() => setDialog("fork")} onNote={() => setDialog("note")} />}
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
      {runs.length > 0 && table}
      <Foot run={main} />
      {dialog === "fork" && main && <ForkDialog run={main} fork={fork} onClose={() => setDialog("")} />}
      {dialog === "note" && main && <NoteDialog run={main} onClose={() => setDialog("")} />}
    </section>
  );
}

export default widget(App, "training_monitor", css);
