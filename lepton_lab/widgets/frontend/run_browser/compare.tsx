// Picked runs beside each other: their curves, the settings in which they differ, and both in one picture.
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { LineChart, type Series } from "../lib/chart";
import { Empty, Select, Tabs } from "../lib/controls";
import { power } from "../lib/format";
import { f32 } from "../lib/floats";
import type { Ask } from "../lib/widget";
import { run_browser as words } from "../strings/en/run_browser";
import type { Value } from "./axes";
import { Parallel } from "./parallel";
import type { Run } from "./runs";

const MOST_CURVES = 8;
const AGAIN_MS = 1000; // between two readings of curves that grow

type Setting = readonly [string, readonly Value[]];

export function Compare({ ask, runs }: { ask: Ask; runs: readonly Run[] }) {
  const [tab, setTab] = useState<"curves" | "settings" | "parallel">("curves");
  const [measure, setMeasure] = useState("loss");
  const [measures, setMeasures] = useState<string[]>(["loss"]);
  const [differing, setDiffering] = useState<{ ids: string[]; settings: Setting[] }>({ ids: [], settings: [] });
  const ids = runs.map((run) => run.id).join(" ");
  useEffect(() => {
    let current = true;
    const list = ids.split(" ");
    void ask("measures", { ids: list }).then((answer) => current && answer && setMeasures(answer.result));
    void ask("differences", { ids: list }).then((answer) => current && answer && setDiffering(answer.result));
    return () => {
      current = false;
    };
  }, [ask, ids]);
  const shown = measures.includes(measure) ? measure : "loss";
  const byId = new Map(runs.map((run) => [run.id, run]));
  const compared = differing.ids.map((id) => byId.get(id)).filter((run) => run !== undefined);
  const fits = compared.length === differing.ids.length;
  return (
    <section class="rb-compare" aria-label={words.compareTitle}>
      <div class="rb-tabs">
        <Tabs
          label={words.compareTabs}
          value={tab}
          tabs={[
            { value: "curves", label: words.curves },
            { value: "settings", label: words.settings },
            { value: "parallel", label: words.parallel },
          ]}
          onChange={setTab}
        />
        <span class="ll-grow" />
        {tab !== "settings" && (
          <div class="rb-measure">
            <Select
              hideLabel
              label={words.measure}
              value={shown}
              options={measures.map((value) => ({ value, label: words.column(value) }))}
              onChange={setMeasure}
            />
          </div>
        )}
      </div>
      <div class="rb-body">
        {tab === "curves" && <Curves ask={ask} runs={runs} measure={shown} />}
        {tab === "settings" && <Settings runs={compared} settings={fits ? differing.settings : []} picked={runs.length} />}
        {tab === "parallel" &&
          (runs.length < 2 ? (
            <Empty title={words.needTwo} detail={words.needTwoDetail} />
          ) : (
            <>
              <Parallel runs={compared} settings={fits ? differing.settings : []} measure={shown} />
              {compared.length > MOST_CURVES && <p class="ll-xs ll-soft">{words.best}</p>}
            </>
          ))}
      </div>
    </section>
  );
}

function Curves({ ask, runs, measure }: { ask: Ask; runs: readonly Run[]; measure: string }) {
  const [found, setFound] = useState<{ measure: string; series: Series[] } | null>(null);
  const last = useRef(0);
  const drawn = runs.slice(0, MOST_CURVES);
  const ids = drawn.map((run) => run.id).join(" ");
  // the curves of live runs are read again when an epoch has ended, at most once a second
  const progress = drawn.map((run) => `${run.numbers.epoch}${run.state}`).join(" ");
  const names = useMemo(() => new Map(drawn.map((run) => [run.id, run.name])), [ids, drawn.map((run) => run.name).join("\n")]);
  useEffect(() => {
    let current = true;
    const wait = Math.max(0, last.current + AGAIN_MS - Date.now());
    const timer = setTimeout(
      async () => {
        last.current = Date.now();
        const list = ids.split(" ");
        const answer = await ask("curves", { ids: list, measure });
        if (!current || !answer) return;
        const series = (answer.result.curves as { id: string; split: "train" | "valid" }[]).map((curve, i) => ({
          x: f32(answer.buffers[2 * i]!),
          y: f32(answer.buffers[2 * i + 1]!),
          color: (list.indexOf(curve.id) + 1) as Series["color"],
          split: curve.split,
          name: curve.split === "valid" ? words.validation : words.training,
          group: names.get(curve.id) ?? curve.id,
        }));
        setFound({ measure, series });
      },
      found && found.measure === measure ? wait : 0,
    );
    return () => {
      current = false;
      clearTimeout(timer);
    };
  }, [ask, ids, measure, progress, names]);
  if (!found) return <div class="rb-wait" />;
  return (
    <>
      <ul class="rb-legend">
        {drawn.map((run, i) => (
          <li key={run.id}>
            <i class={`rb-key s${i + 1}`} /> {run.name}
          </li>
        ))}
        {(["training", "validation"] as const).map((split) => (
          <li key={split} class="ll-soft">
            <svg class="ll-key" width="20" height="8" aria-hidden="true">
              <line class={split} x1="0" x2="20" y1="4" y2="4" />
            </svg>{" "}
            {words[split]}
          </li>
        ))}
      </ul>
      {found.series.length ? (
        <LineChart
          label={words.column(found.measure)}
          xLabel={words.epochAxis}
          series={found.series}
          readout={found.series.length <= 4}
          height={260}
          tickX={(x) => (Number.isInteger(x) ? String(x) : "")}
        />
      ) : (
        <Empty title={words.noCurves} detail={words.noCurvesDetail} />
      )}
      {runs.length > MOST_CURVES && <p class="ll-xs ll-soft">{words.firstCurves(MOST_CURVES, runs.length)}</p>}
    </>
  );
}

function Settings({ runs, settings, picked }: { runs: readonly Run[]; settings: readonly Setting[]; picked: number }) {
  if (picked < 2) return <Empty title={words.needTwo} detail={words.needTwoDetail} />;
  if (runs.length && !settings.length) return <Empty title={words.same} detail={words.sameDetail} />;
  return (
    <div class="rb-settings" tabIndex={0} role="region" aria-label={words.settings}>
      <table class="ll-table">
        <thead>
          <tr>
            <th class="l" scope="col">
              {words.setting}
            </th>
            {runs.map((run, i) => (
              <th key={run.id} scope="col">
                {i < 8 && <i class={`rb-key s${i + 1}`} />} {run.name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {settings.map(([name, values]) => (
            <tr key={name}>
              <th class="l" scope="row" title={name}>
                {name}
              </th>
              {values.map((value, i) => (
                <td key={runs[i]?.id ?? i} title={String(value ?? "")}>
                  {written(value)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function written(value: Value): string {
  if (value === null) return words.unset;
  if (typeof value === "number") return value !== 0 && Math.abs(value) < 1e-4 ? power(value) : String(Number(value.toPrecision(4)));
  const text = String(value);
  return text.length > 28 ? `${text.slice(0, 27)}…` : text;
}
