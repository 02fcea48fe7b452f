// The charts of all shown runs. Axis, scale, smoothing and zoom are the view's business; a zoom into a long run asks the
// kernel once for the rows in between.
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { LineChart, tick } from "../lib/chart";
import type { Limits } from "../lib/chart_data";
import { Button, Segmented, Slider } from "../lib/controls";
import { count, num, power, seconds } from "../lib/format";
import { useLink, useRoot, useTrait } from "../lib/widget";
import { monitor as words } from "../strings/en/training_monitor";
import { bestMark, curvesOf, formatOf, metricsOf, scaleOf, sideCurve, wanted } from "./curves";
import { type Axis, type RunData, type Table, unpack } from "./store";
import { f32 } from "../lib/floats";
import type { Shown } from "./use_runs";

const MOST_METRICS = 5;

export function Charts({ runs }: { runs: readonly Shown[] }) {
  const [axis, setAxis] = useTrait<Axis>("axis");
  const [scale, setScale] = useTrait<"linear" | "log">("scale");
  const [smoothing, setSmoothing] = useTrait<number>("smoothing");
  const [held, setHeld] = useState<number | null>(null);
  const [range, setRange] = useState<Limits | null>(null);
  const fine = useFine(runs, axis, range);
  useEffect(() => setRange(null), [axis]);
  const key = useRoot().dataset["llKey"] ?? (useRoot().dataset["llKey"] = String(Math.random()));
  const keep = held ?? smoothing;
  const metrics = metricsOf(runs.map(({ run }) => run)).slice(0, MOST_METRICS);
  const main = runs[0]?.run;
  const common = {
    xLabel: words.axisNames[axis], hover: key, range, onRange: setRange, xLimits: limitsOf(runs, axis),
    formatX: axis === "time" ? seconds : axis === "step" ? (x: number) => count(Math.round(x)) : (x: number) => num(x, 2),
    tickX: axis === "time" ? seconds : tick,
  };
  return (
    <>
      <div class="view">
        <div class="ll-row">
          <span class="lbl" aria-hidden="true">{words.scale}</span>
          <Segmented small label={words.scaleOf} value={scale} options={[{ value: "linear", label: words.linear }, { value: "log", label: words.log }]} onChange={setScale} />
        </div>
        <div class="ll-row">
          <span class="lbl" aria-hidden="true">{words.against}</span>
          <Segmented small label={words.against} value={axis} options={(["epoch", "step", "time"] as const).map((value) => ({ value, label: words.axes[value] }))} onChange={setAxis} />
        </div>
        <div class="ll-row smooth">
          <span class="lbl" aria-hidden="true">{words.smoothing}</span>
          <Slider label={words.smoothing} hideLabel value={keep} min={0} max={0.99} step={0.01} format={(v) => v.toFixed(2)} onInput={setHeld} onChange={(value) => { setHeld(null); setSmoothing(value); }} />
          <span class="ll-sm value">{keep.toFixed(2)}</span>
        </div>
        <span class="ll-grow" />
        <Legend />
        <Button kind="quiet" label={words.resetZoom} disabledReason={range ? "" : words.notZoomed} onClick={() => setRange(null)} />
      </div>
      <div class="plots">
        <Curve column="loss" label={words.loss} unit={words.lossUnit(String(main?.about?.settings["loss"] ?? "auto"), main?.about?.task ?? "")} {...{ runs, axis, smoothing: keep, fine }} chart={{ ...common, yScale: scale, yLimits: scale === "log" ? undefined : LOSS }} />
        {metrics.map((name) => (
          <Curve key={name} column={name} label={words.metric(name)} unit={scaleOf(name) === 100 ? words.percentOf : undefined} {...{ runs, axis, smoothing: keep, fine }} chart={{ ...common, yLimits: scaleOf(name) === 100 ? PERCENT : undefined }} />
        ))}
        <div class="three">
          <Side column="lr" label={words.lr} format={(y) => power(y)} {...{ runs, axis, smoothing: 0, fine }} chart={{ ...common, yScale: "log", tick }} />
          <Side column="grad_norm" label={words.gradient} unit={words.gradientUnit} format={(y) => num(y, 2)} {...{ runs, axis, smoothing: keep, fine }} chart={{ ...common, yScale: "log" }} />
          <Side column="samples_per_s" label={words.throughput} unit={words.perSecond} format={count} {...{ runs, axis, smoothing: keep, fine }} chart={{ ...common, yLimits: LOSS }} />
        </div>
      </div>
    </>
  );
}

const LOSS = [0, null] as const;
const PERCENT = [0, 100] as const;

interface CurveProps {
  column: string;
  label: string;
  unit?: string | undefined;
  runs: readonly Shown[];
  axis: Axis;
  smoothing: number;
  fine: ReadonlyMap<string, Table>;
  chart: Omit<Parameters<typeof LineChart>[0], "label" | "series">;
}

/** What decides whether the curves must be computed anew. */
const parts = (props: CurveProps): unknown[] => [
  props.axis, props.smoothing, props.fine, props.column, props.runs.length,
  ...props.runs.flatMap(({ run, color }) => [run.tables.steps, run.tables.epochs, color, run.about?.name]),
];

/** What the curves are, but for their ends: with the same key they have only grown. */
const curveKey = ({ axis, smoothing, column, fine, runs }: CurveProps, marks = 0): string =>
  JSON.stringify([
    axis, smoothing, column, marks,
    runs.map(({ run, color }) => [run.id, run.generation, color, run.about?.name, run.tables.steps.level, run.tables.epochs.level, fine.get(run.id)?.total]),
  ]);

/** Like useMemo, for a list whose length changes. */
function useSame<T>(make: () => T, on: unknown[]): T {
  const kept = useRef<{ on: unknown[]; value: T } | null>(null);
  const before = kept.current;
  if (before && before.on.length === on.length && before.on.every((v, i) => v === on[i])) return before.value;
  const value = make();
  kept.current = { on, value };
  return value;
}

function Curve(props: CurveProps) {
  const { column, label, unit, runs, axis, smoothing, fine, chart } = props;
  const format = useMemo(() => formatOf(column), [column]);
  const series = useSame(
    () => [...runs].reverse().flatMap(({ run, color }) => curvesOf(run, column, { axis, smoothing, color, fine: fine.get(run.id) ?? null })),
    parts(props),
  );
  const first = runs[0];
  const best = first?.run.status?.best;
  const marks = useMemo(() => (first ? bestMark(first.run, column, axis, first.color, format) : []), [best?.["epoch"], best?.["step"], axis, column, first?.color]);
  return <LineChart label={label} unit={unit} series={series} marks={marks} format={format} curve={curveKey(props, marks.length)} {...chart} />;
}

function Side(props: CurveProps & { format: (y: number) => string }) {
  const { column, label, unit, runs, axis, smoothing, fine, chart, format } = props;
  const series = useSame(
    () => [...runs].reverse().flatMap(({ run, color }) => sideCurve(run, column, { axis, smoothing, color, fine: fine.get(run.id) ?? null })),
    parts(props),
  );
  return <LineChart label={label} unit={unit} series={series} height={122} readout={false} now format={format} curve={curveKey(props)} {...chart} />;
}

/** The axis reaches to where the run will end, in time. */
function limitsOf(runs: readonly Shown[], axis: Axis): readonly [number | null, number | null] {
  if (axis === "time") return [0, null];
  const most = Math.max(0, ...runs.map(({ run }) => (axis === "epoch" ? (run.status?.epochs ?? 0) : (run.status?.steps ?? 0))));
  const seen = Math.max(0, ...runs.map(({ run }) => run.tables.steps.columns.get(axis)?.at(-1) ?? 0));
  let end = Math.max(most, seen);
  while (seen > 0 && end / 2 > 10 * seen) end /= 2; // the beginning of a long run is not squeezed into a corner
  return [0, end || null];
}

function Legend() {
  return (
    <span class="ll-xs ll-soft legend">
      <span>
        <svg class="ll-key" width="22" height="8" aria-hidden="true"><line x1="0" x2="22" y1="4" y2="4" stroke="var(--ll-ink-2)" stroke-width="1.75" /></svg> {words.legendTrain}
      </span>
      <span>
        <svg class="ll-key" width="22" height="8" aria-hidden="true">
          <line x1="0" x2="22" y1="4" y2="4" stroke="var(--ll-ink-2)" stroke-width="1.75" stroke-dasharray="5 3" />
          <circle cx="11" cy="4" r="2.5" fill="var(--ll-bg)" stroke="var(--ll-ink-2)" stroke-width="1.5" />
        </svg>{" "}
        {words.legendValid}
      </span>
    </span>
  );
}

/** Finer rows of the zoomed part, by run; asked for once a zoom. */
function useFine(runs: readonly Shown[], axis: Axis, range: Limits | null): ReadonlyMap<string, Table> {
  const link = useLink();
  const [found, setFound] = useState<ReadonlyMap<string, Table>>(NOTHING);
  const asked = range ? `${range[0]} ${range[1]} ${axis} ${runs.map(({ run }) => run.id).join(" ")}` : "";
  useEffect(() => {
    setFound(NOTHING);
    if (!range) return undefined;
    let current = true;
    const ask = async (run: RunData) => {
      const rows = wanted(run.tables.steps, axis, range);
      if (!rows) return;
      const { result, buffers } = await link.call("detail", { run: run.id, table: "steps", first: rows[0], last: rows[1] });
      if (!current || !buffers[0]) return;
      const columns = unpack(result.columns, result.rows, f32(buffers[0]));
      const table: Table = { level: result.level, complete: result.rows, total: result.rows << result.level, columns };
      setFound((known) => new Map([...known, [run.id, table]]));
    };
    for (const { run } of runs) ask(run).catch(() => undefined); // the coarse blocks stay
    return () => {
      current = false;
    };
  }, [asked]);
  return found;
}

const NOTHING: ReadonlyMap<string, Table> = new Map();
