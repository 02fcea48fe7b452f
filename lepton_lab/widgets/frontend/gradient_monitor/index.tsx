// GradientMonitor: what reaches each layer, over time.
//
// Synced: run_id, against_id, show, layer, at. Readings come by `catch_up` and by "rows" messages with cursors; nothing
// else is kept in the kernel.
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { Empty, Icon, Segmented, Select, Strip } from "../lib/controls";
import { f32 } from "../lib/floats";
import { count, percent, power } from "../lib/format";
import { useLink, useMessages, useOrder, useTrait, useVisible, widget } from "../lib/widget";
import { gradientMonitor as words } from "../strings/en/gradient_monitor";
import { Dots, Ridges } from "./columns";
import { Curves } from "./curves";
import css from "./gradient_monitor.css";
import { Heat, Ramp } from "./heat";
import { type Histogram, type Mode, Readings, stretches, troubles, VIEWS } from "./rows";

type Side = "run" | "against";
type Both = Record<Side, Readings | null>;

const MODES = ["gradients", "weights", "activations"] as const;

function App() {
  const [runId] = useTrait<string>("run_id");
  const [againstId] = useTrait<string>("against_id");
  const [mode, setMode] = useTrait<Mode>("show");
  const [layer, setLayer] = useTrait<string>("layer");
  const [at, setAt] = useTrait<number>("at");
  const link = useLink();
  const order = useOrder();
  const visible = useVisible();
  const both = useRef<Both>({ run: null, against: null });
  const [version, setVersion] = useState(0);
  const [ready, setReady] = useState(false);
  const asking = useRef(false);
  const [past, setPast] = useState<Record<Side, Histogram | null> | null>(null);

  const fetchAll = async () => {
    if (asking.current) return;
    asking.current = true;
    try {
      const { result, buffers } = await link.call("catch_up");
      for (const side of ["run", "against"] as const) {
        both.current[side] = result[side] ? new Readings() : null;
        both.current[side]?.take(result[side], buffers);
      }
      setReady(true);
      setVersion((n) => n + 1);
    } catch {
      // the strip of the shell shows what went wrong with the next order
    } finally {
      asking.current = false;
    }
  };
  useEffect(() => {
    if (visible) void fetchAll();
  }, [visible, runId, againstId]);
  useMessages("reset", () => void fetchAll());
  useMessages("rows", (content, buffers) => {
    const readings = both.current[content.side as Side];
    if (readings?.take(content, buffers)) setVersion((n) => n + 1);
    else void fetchAll();
  });

  const { run, against } = both.current;
  const view = VIEWS[mode];
  const layers = run?.labels[view.heat] ?? [];
  const found = useMemo(() => (run ? troubles(run) : []), [run, version]);
  const owners = run?.labels["grad_norm"] ?? [];
  const trouble = (name: string) => found[owners.indexOf(name)] ?? null;

  useEffect(() => {
    if (at < 0 || !run) {
      setPast(null);
      return;
    }
    let current = true;
    void link.call("histogram", { quantity: view.hist, step: at }).then(
      ({ result, buffers }) => {
        const read = (side: Side): Histogram | null => result[side] && { ...result[side], values: f32(buffers[result[side].buffer]!) };
        if (current) setPast({ run: read("run"), against: read("against") });
      },
      () => undefined,
    );
    return () => {
      current = false;
    };
  }, [at, view, run]);

  if (!ready) return <div class="gm" style={{ minHeight: "320px" }} aria-busy="true" />;
  const cost = run?.about?.cost;
  return (
    <section class="gm" aria-label={words.region}>
      <div class="bar">
        <Chooser label={words.run} value={runId} name={run?.name ?? ""} onChange={(id) => void order("look_at", { run_id: id, against_id: againstId })} />
        {run && <Chooser label={words.against} value={againstId} name={against?.name ?? ""} empty={words.none} onChange={(id) => void order("look_at", { run_id: runId, against_id: id })} />}
        <Segmented small label={words.show} value={mode} options={MODES.map((value) => ({ value, label: words.modes[value] }))} onChange={setMode} />
        <span class="ll-grow" />
        {cost && cost.measured > 0 && (
          <span class="ll-sm ll-soft ll-nowrap" title={words.costTitle(count(cost.measured), count(cost.spacing))}>
            {words.cost(percent(cost.share), cost.budget === null ? null : percent(cost.budget, 0), cost.budget !== null && cost.share > cost.budget)}
          </span>
        )}
      </div>
      {run ? body(run) : <Empty title={words.noRun} detail={words.noRunDetail} />}
    </section>
  );

  function body(main: Readings) {
    if (!main.rows.length) {
      const on = (main.about?.probes.length ?? 0) > 0;
      return on ? <Empty title={words.waiting} detail={words.waitingDetail} /> : <Empty title={words.noProbes} detail={words.noProbesDetail} />;
    }
    if (!layers.length) return <Empty title={words.nothing(view.heat)} detail={words.nothingDetail} />;
    return monitor(main);
  }

  // functions and no components: they would be made anew, and lose the focus, with every reading
  function monitor(main: Readings) {
    const row = layers.length <= 14 ? 30 : layers.length <= 28 ? 22 : 16;
    const step = at < 0 ? main.end : at;
    const histograms = at >= 0 && past ? [past.run, past.against] : [main.histograms[view.hist] ?? null, against?.histograms[view.hist] ?? null];
    const heat = words.heat[mode];
    const rooted = mode === "gradients" && main.perWeight;
    const told = layers.map((name) => ({ name, kind: trouble(name) }));
    const troubled = (kind: string) => found.flatMap((one, i) => (one === kind ? [i] : []));
    const named = (numbers: number[]) =>
      stretches(numbers).map(([a, b]) => (a === b ? owners[a]! : words.through(owners[a]!, owners[b]!))).join(words.and);
    const [vanishing, exploding] = [troubled("vanishing"), troubled("exploding")];
    const worst = vanishing.length
      ? `${words.vanishTitle(named(vanishing))}.`
      : exploding.length
        ? `${words.explodeTitle(named(exploding))}.`
        : words.healthyLabel;
    const value = (name: string, when: number) => {
      const v = main.latest(view.heat, when)[layers.indexOf(name)]! / (rooted ? main.root(name) : 1);
      return words.cell(name, count(when < 0 ? main.end : when), power(v));
    };
    const select = (name: string) => setLayer(layer === name ? "" : name);
    const measured = histograms.some((h) => h);
    return (
      <>
        {vanishing.length > 0 && <Strip kind="warn" title={words.vanishTitle(named(vanishing))} detail={words.vanishDetail} />}
        {exploding.length > 0 && <Strip kind="warn" title={words.explodeTitle(named(exploding))} detail={words.explodeDetail} />}
        <div class="grad">
          <div class="cols">
            <div class="hd"><strong>{words.layer}</strong>{words.order}</div>
            <div class="hd"><strong>{heat.title}</strong>{mode === "gradients" && !rooted ? heat.norm : heat.detail}</div>
            <div class="hd">
              <strong>
                {words.atStep(count(step))}
                {at >= 0 && (
                  <button type="button" class="ll-btn quiet" onClick={() => setAt(-1)}>{words.newest}</button>
                )}
              </strong>
              {measured ? words.hist[mode] : words.histMissing(view.hist)}
            </div>
            <div class="hd"><strong>{words.dots[mode].title}</strong>{words.dots[mode].detail}</div>
            <ol class="names" style={{ "--row": `${row}px` }}>
              {told.map(({ name, kind }) => (
                <li key={name}>
                  <button type="button" aria-pressed={layer === name} aria-label={kind ? `${name}, ${words[kind]}` : name} title={name} onClick={() => select(name)}>
                    {name}
                  </button>
                  {kind && <span title={words[kind]}><Icon name="warn" class="ll-mark" /></span>}
                </li>
              ))}
            </ol>
            <Heat
              readings={main}
              version={version}
              view={view}
              row={row}
              selected={layer}
              at={at}
              label={words.heatLabel(heat.title, layers.length, "0", count(main.end), worst)}
              onStep={setAt}
              onLayer={(name) => layer !== name && setLayer(name)}
              format={value}
            />
            <Ridges histograms={histograms} layers={layers} row={row} label={words.ridgeLabel(count(step))} healthy={mode === "gradients" ? [-4, -1] : null} />
            <Dots readings={[main, against]} layers={layers} row={row} view={view} at={at} label={(rows) => words.dotsLabel(words.dots[mode].title, rows)} />
          </div>
          <div class="legend">
            <span>{words.legend[mode].low}</span>
            <Ramp />
            <span>{words.legend[mode].high}</span>
            <span class="brk" />
            <span>{words.legend[mode].healthy}</span>
            {mode !== "activations" && <a href={words.sourceUrl} target="_blank" rel="noreferrer" title={words.source}>CS231n</a>}
            <span class="ll-grow" />
            {against && (
              <>
                <span class="key"><svg width="20" height="10" aria-hidden="true"><path class="one" d="M1 9C5 9 6 2 10 2s5 7 9 7" /></svg> {main.name}</span>
                <span class="key"><svg width="20" height="10" aria-hidden="true"><path class="two" d="M1 9C5 9 6 2 10 2s5 7 9 7" /></svg> {against.name}</span>
              </>
            )}
          </div>
        </div>
        {layer && (main.labels["grad_norm"]?.includes(layer) || main.labels["act_std"]?.includes(layer)) && (
          <Curves readings={[main, against]} layer={layer} version={version} onClose={() => setLayer("")} />
        )}
      </>
    );
  }
}

/** A list of runs that is fetched when it is first needed. */
function Chooser(props: { label: string; value: string; name: string; empty?: string; onChange: (id: string) => void }) {
  const order = useOrder();
  const [runs, setRuns] = useState<{ id: string; name: string }[]>([]);
  const fetchRuns = async () => setRuns((await order("choices")) ?? []);
  useEffect(() => void fetchRuns(), [props.value]);
  const known = runs.some((run) => run.id === props.value) || !props.value;
  const options = [
    ...(props.empty || !props.value ? [{ value: "", label: props.empty ?? "–" }] : []),
    ...(known ? [] : [{ value: props.value, label: props.name || props.value }]),
    ...runs.map((run) => ({ value: run.id, label: run.name })),
  ];
  return (
    <div class="chooser">
      <span class="lbl" aria-hidden="true">{props.label}</span>
      <Select hideLabel label={props.label} value={props.value} options={options} onChange={props.onChange} />
    </div>
  );
}

export default widget(App, "gradient_monitor", css);
