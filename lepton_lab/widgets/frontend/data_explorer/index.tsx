// Synced with Python: `version`, which moves when the data change. Everything else is asked for by orders and kept here.
import { useEffect, useRef, useState } from "preact/hooks";
import { Button, Empty, Progress, Segmented, Select, Strip } from "../lib/controls";
import { u8 } from "../lib/floats";
import { bytes, count } from "../lib/format";
import type { Failure } from "../lib/link";
import { useFail, useLink, useMessages, useOrder, useRoot, useTrait, widget } from "../lib/widget";
import { data_explorer as t } from "../strings/en/data_explorer";
import { AugmentPane } from "./augment";
import { ColumnsPane } from "./columns";
import css from "./data_explorer.css";
import type { Overview, Report, Samples, Table } from "./model";
import { ReportPane } from "./report";
import { type Pictured, SampleGrid } from "./samples";
import { Side } from "./side";

interface Job {
  name: string;
  state: "running" | "done" | "cancelled" | "failed";
  share: number | null;
  error?: Failure;
}

const LOADS = ["split", "clean", "read", "remedy"];

/** What a report is about: while it is the same, the old one stays until the new one is there. */
const what = (about: Overview) => JSON.stringify([about.name, about.counts, about.target]);

function App() {
  const link = useLink();
  const order = useOrder();
  const fail = useFail();
  const root = useRoot();
  const [version] = useTrait<number>("version");
  const [about, setAbout] = useState<Overview | null | undefined>(undefined);
  const [samples, setSamples] = useState<Pictured<Samples> | null>(null);
  const [report, setReport] = useState<(Pictured<Report> & { buffers: Uint8Array[] }) | null>(null);
  const [table, setTable] = useState<Table | null>(null);
  const [jobs, setJobs] = useState<Record<string, Job>>({});
  const [failed, setFailed] = useState<Failure | null>(null);
  const [split, setSplit] = useState("train");
  const [prepared, setPrepared] = useState(true);
  const [seed, setSeed] = useState(0);
  const [first, setFirst] = useState(0);
  const [view, setView] = useState<"columns" | "rows">("columns");
  const [row, setRow] = useState<number | null>(null);
  const [lit, setLit] = useState("");
  const shown = useRef("");
  const newest = useRef(version);
  newest.current = version;

  const askReport = () => {
    setJobs((known) => ({ ...known, report: { name: "report", state: "running", share: null } }));
    link.call<Report | null>("report").then(({ result, buffers }) => {
      if (result && newest.current === version) setReport({ content: result, bytes: new Uint8Array(), buffers: buffers.map(u8) });
    }, fail);
  };
  const askColumns = () => link.call<Table | null>("columns").then(({ result }) => result && setTable(result), fail);

  useEffect(() => {
    let alive = true;
    link.call<Overview | null>("overview").then(({ result }) => {
      if (!alive) return;
      setAbout(result);
      if (!result) return;
      if (!(split in result.counts)) setSplit("train");
      const same = what(result) === shown.current;
      shown.current = what(result);
      if (!same) {
        setTable(null);
        setReport(null);
      }
      if (result.table) void askColumns();
      askReport();
    }, fail);
    return () => {
      alive = false;
    };
  }, [version]);

  const known = about?.version;
  useEffect(() => {
    if (!about || !(split in about.counts)) return undefined;
    let alive = true;
    const perGroup = about.form === "image" || about.form === "sound" ? 12 : 6;
    link.call<Samples>("samples", { split, seed, prepared, first, per_group: perGroup }).then(({ result, buffers }) => {
      if (alive) setSamples({ content: result, bytes: buffers[0] ? u8(buffers[0]) : new Uint8Array() });
    }, fail);
    return () => {
      alive = false;
    };
  }, [known, split, seed, prepared, first]);

  useMessages("report", () => askReport());
  useMessages("columns", () => void askColumns());
  useMessages("job", (job: Job) => {
    setJobs((before) => ({ ...before, [job.name]: job }));
    if (job.state === "failed" && job.error) setFailed(job.error);
    if (job.state === "running" && LOADS.includes(job.name)) setFailed(null);
  });

  if (about === undefined) return <div class="ll-frame ll-de waiting" aria-label={t.label} />;
  if (about === null) {
    return (
      <div class="ll-frame ll-de" aria-label={t.label}>
        <Empty title={t.emptyTitle} detail={t.emptyDetail} />
      </div>
    );
  }
  const loading = LOADS.map((name) => jobs[name]).find((job) => job?.state === "running");
  const job = jobs.report;
  const pictured = about.form === "image" || about.form === "sound";
  const rowsShown = !about.table || view === "rows";
  const middle = samples?.content.groups[Math.floor(samples.content.groups.length / 2)]?.rows[0];
  const showClass = (name: string) => {
    setView("rows");
    setSplit("train");
    setLit(name);
    setFirst(20 * Math.floor(Math.max(0, about.classes.indexOf(name)) / 20));
    root.querySelector(`[data-class="${CSS.escape(name)}"]`)?.scrollIntoView({ block: "nearest" });
  };
  const reportPane = (
    <ReportPane
      about={about}
      report={report}
      job={job?.state === "cancelled" ? "stopped" : job ?? null}
      order={order}
      onMake={askReport}
      onClass={showClass}
      beside={!rowsShown}
    />
  );
  return (
    <section class="ll-frame ll-de" aria-label={t.label}>
      {failed && <Strip kind="danger" title={failed.title} detail={[failed.detail, failed.fix].filter(Boolean).join(" ")} onClose={() => setFailed(null)} />}
      <div class="ll-de-body">
        <Side about={about} table={table} clean={report?.content.clean ?? []} order={order} busy={!!loading} />
        <div class="ll-de-main">
          <div class="ll-de-bar">
            {about.table && (
              <Segmented small label={t.view} value={view} onChange={setView} options={[{ value: "columns", label: t.columnsView }, { value: "rows", label: t.rowsView }]} />
            )}
            {rowsShown && (
              <div class="ll-row">
                <span class="lbl">{t.show}</span>
                <Segmented small label={t.show} value={split} onChange={setSplit} options={Object.keys(about.counts).map((name) => ({ value: name, label: t.split(name) }))} />
              </div>
            )}
            {rowsShown && pictured && (
              <Segmented
                small
                label={t.as}
                value={prepared ? "prepared" : "stored"}
                onChange={(value) => setPrepared(value === "prepared")}
                options={[{ value: "prepared", label: t.prepared }, { value: "stored", label: t.storedAs(about.form) }]}
              />
            )}
            {!rowsShown && about.targets.length > 0 && (
              <div class="ll-row">
                <span class="lbl">{t.targetLabel}</span>
                <Select
                  label={t.targetLabel}
                  hideLabel
                  value={about.target}
                  options={about.targets.map((name) => ({ value: name, label: name }))}
                  onChange={(target) => void order("retarget", { target })}
                  disabledReason={loading ? t.job.clean : ""}
                />
                <span class="ll-sm ll-soft task">{t.task[about.task]}</span>
              </div>
            )}
            <span class="ll-grow" />
            {about.undo > 0 && <Button kind="quiet" icon="undo" label={t.undo} onClick={() => void order("undo")} />}
            {rowsShown && <Button kind="quiet" icon="redo" label={t.other} onClick={() => setSeed(seed + 1)} />}
          </div>
          {loading && (
            <div class="ll-de-job" role="status">
              <span class="ll-sm">{t.job[loading.name]}</span>
              <Progress label={t.job[loading.name]!} share={loading.share} />
              <Button kind="quiet" label={t.cancel} onClick={() => void order("cancel", { name: loading.name })} />
            </div>
          )}
          {rowsShown && reportPane}
          {rowsShown && samples && (
            <SampleGrid
              data={samples}
              prepared={prepared}
              classes={about.classes.length}
              lit={lit}
              onPage={setFirst}
              onPick={about.form === "image" && samples.content.split === "train" ? setRow : undefined}
            />
          )}
          {!rowsShown && <ColumnsPane about={about} table={table} job={jobs.columns ?? null} order={order} busy={!!loading} />}
          {!rowsShown && reportPane}
          {about.form === "image" && samples && (
            <AugmentPane about={about} row={Math.min(row ?? (samples.content.split === "train" ? (middle ?? 0) : 0), (about.counts.train ?? 1) - 1)} mirror={report?.content.mirror ?? null} order={order} />
          )}
        </div>
      </div>
      <div class="ll-de-foot">
        <span>
          {t.memory[about.memory.where]} {about.memory.bytes > 0 && <b>{bytes(about.memory.bytes)}</b>}
          {table && <>. {table.duplicates ? t.duplicates(count(table.duplicates)) : t.noDuplicates}.</>}
        </span>
        <span class="ll-grow" />
        {about.code ? (
          <>
            <code title={about.code} aria-label={t.code}>
              {about.code}
            </code>
            <Button kind="quiet" icon="copy" iconOnly label={t.copy} onClick={() => void navigator.clipboard?.writeText(about.code)} />
          </>
        ) : (
          <span class="ll-sm">{t.noCode}</span>
        )}
      </div>
    </section>
  );
}

export default widget(App, "data_explorer", css);
