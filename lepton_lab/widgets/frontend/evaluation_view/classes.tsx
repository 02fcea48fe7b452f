// Scores of each class on one scale, the curve of one of them with its threshold, and calibration.
import { useEffect, useState } from "preact/hooks";
import { Segmented, Select } from "../lib/controls";
import { num } from "../lib/format";
import { evaluation_view as words } from "../strings/en/evaluation_view";
import type { Ask } from "../lib/widget";
import { floorOf, ticks } from "./axes";
import { type Curve, type Evaluation, readCurve } from "./model";
import { useWidth } from "../lib/use_width";
import { path, Plot } from "./plot";
import { atThreshold, placeOf, verdict, written } from "./threshold";

const ROW = 27;
const LABEL = 64;

export function PerClass(props: { evaluation: Evaluation; chosen: number; onChoose: (which: number) => void }) {
  const { classes, scores } = props.evaluation;
  const [ref, width] = useWidth<HTMLDivElement>();
  const [p, r, f] = [scores.precision!, scores.recall!, scores.f1!];
  const low = floorOf([...p, ...r], 0.05);
  const label = Math.min(LABEL, 14 + 7 * Math.max(...classes.map((name) => name.length)));
  const [left, right] = [label, Math.max(label + 20, width - 44)];
  const X = (v: number) => left + ((v - low) / (1 - low)) * (right - left);
  const at = (v: number) => (Number.isNaN(v) ? null : X(v));
  const text = (v: number) => (Number.isNaN(v) ? "–" : (100 * v).toFixed(1));
  return (
    <section aria-label={words.perClass}>
      <div class="ev-cap">
        <h3>{words.perClass}</h3>
        <span class="ll-soft ll-sm">%</span>
      </div>
      <div class="ev-subt">
        <span>
          <svg class="ll-key" width="10" height="10">
            <circle cx="5" cy="5" r="3.5" class="ev-fill" />
          </svg>{" "}
          {words.precision}
        </span>
        <span>
          <svg class="ll-key" width="10" height="10">
            <rect x="2" y="2" width="6" height="6" class="ev-open" />
          </svg>{" "}
          {words.recall}
        </span>
        <span>
          <svg class="ll-key" width="6" height="10">
            <line x1="3" x2="3" y1="0" y2="10" class="ev-mean" />
          </svg>{" "}
          {words.f1}
        </span>
      </div>
      <div class="ll-plot ev-classes" ref={ref} role="group" aria-label={words.perClassLabel(classes.length)}>
        <div class="list">
          {classes.map((name, i) => (
            <button
              type="button"
              key={name}
              aria-pressed={i === props.chosen}
              aria-label={words.classRow(name, text(p[i]!), text(r[i]!), text(f[i]!))}
              style={{ height: `${ROW}px` }}
              onClick={() => props.onChoose(i)}
            >
              {width > 0 && (
                <svg width={width} height={ROW} aria-hidden="true">
                  {ticks(low, 1, 4).map((v) => (
                    <line key={v} class="grid" x1={Math.round(X(v)) + 0.5} x2={Math.round(X(v)) + 0.5} y1="0" y2={ROW} />
                  ))}
                  <text class="strong" x="5" y={ROW / 2 + 4}>
                    {name.length > 9 ? `${name.slice(0, 8)}…` : name}
                  </text>
                  <line x1={at(p[i]!) ?? 0} x2={at(r[i]!) ?? 0} y1={ROW / 2} y2={ROW / 2} class={at(p[i]!) === null || at(r[i]!) === null ? "ev-none" : "ev-join"} />
                  {at(f[i]!) !== null && <line class="ev-mean" x1={at(f[i]!)!} x2={at(f[i]!)!} y1={ROW / 2 - 6} y2={ROW / 2 + 6} />}
                  {at(p[i]!) !== null && <circle class="ev-fill" cx={at(p[i]!)!} cy={ROW / 2} r="4" />}
                  {at(r[i]!) !== null && <rect class="ev-open" x={at(r[i]!)! - 3} y={ROW / 2 - 3} width="6" height="6" />}
                  <text x={width - 4} y={ROW / 2 + 4} text-anchor="end">
                    {text(f[i]!)}
                  </text>
                </svg>
              )}
            </button>
          ))}
        </div>
        {width > 0 && (
          <svg width={width} height="20" aria-hidden="true">
            {ticks(low, 1, 4).map((v) => (
              <text key={v} x={X(v)} y="14" text-anchor="middle">
                {Math.round(100 * v)}
              </text>
            ))}
            <text x={width - 4} y="14" text-anchor="end">
              {words.f1}
            </text>
          </svg>
        )}
      </div>
    </section>
  );
}

export function CurvePanel(props: { ask: Ask; evaluation: Evaluation; chosen: number; onChoose: (which: number) => void; stamp: number }) {
  const { ask, evaluation, chosen } = props;
  const { thresholds, classes, split } = evaluation;
  const name = classes[chosen] ?? "";
  const [kind, setKind] = useState<"pr" | "roc">("pr");
  const [curve, setCurve] = useState<Curve | null>(null);
  const [place, setPlace] = useState(() => placeOf(thresholds, 0.5));
  useEffect(() => {
    let current = true;
    void ask("curve", { split, which: chosen }).then((answer) => {
      if (current && answer) setCurve(readCurve(answer.result, answer.buffers));
    });
    return () => {
      current = false;
    };
  }, [split, chosen, props.stamp]);
  const ready = curve && curve.which === chosen ? curve : null;
  const here = ready && ready.positives ? atThreshold(ready, thresholds, place) : null;
  return (
    <section aria-label={`${words.class} ${name} ${words.against}`}>
      <div class="ev-cap">
        <h3>{words.class}</h3>
        <div class="ev-class">
          <Select
            hideLabel
            label={words.class}
            value={String(chosen)}
            options={classes.map((text, i) => ({ value: String(i), label: text }))}
            onChange={(value) => props.onChoose(Number(value))}
          />
        </div>
        <h3 class="ev-opt">{words.against}</h3>
        <span class="ll-grow" />
        <Segmented
          small
          label={words.curveKind}
          value={kind}
          options={[
            { value: "pr", label: words.pr },
            { value: "roc", label: words.roc },
          ]}
          onChange={setKind}
        />
      </div>
      {ready && !here && <p class="ll-sm ll-soft">{words.noPositives(name)}</p>}
      {ready && here && (
        <>
          <div class="ev-subt">
            <span>{kind === "pr" ? words.prY(name) : words.rocY(name)}</span>
            <span class="ev-push">
              {kind === "pr" ? words.ap(num(ready.averagePrecision)) : words.auc(num(ready.rocAuc))}
            </span>
          </div>
          <CurvePlot curve={ready} kind={kind} name={name} here={here} />
          <div class="ev-thr">
            <div class="lab">
              <span>{words.threshold(name)}</span>
              <b>{written(here.threshold)}</b>
            </div>
            <input
              class="ll-range"
              type="range"
              aria-label={words.threshold(name)}
              aria-valuetext={`${written(here.threshold)}: ${words.found(name, ready.positives, here.found, here.missed).join("")}`}
              min={0}
              max={thresholds.length - 1}
              step={1}
              value={place}
              style={{ "--at": `${(100 * place) / (thresholds.length - 1)}%` }}
              onInput={(event) => setPlace(Number(event.currentTarget.value))}
            />
            <p aria-live="polite">
              {words.found(name, ready.positives, here.found, here.missed).map((part, i) => (i % 2 ? <b key={i}>{part}</b> : part))}
              {words.alarms(name, here.alarms).map((part, i) => (i ? part : <b key={i}>{part}</b>))}
              {here.alarms > here.missed ? words.higher : words.lower}
            </p>
          </div>
        </>
      )}
    </section>
  );
}

function CurvePlot(props: { curve: Curve; kind: "pr" | "roc"; name: string; here: ReturnType<typeof atThreshold> }) {
  const { curve, kind, here, name } = props;
  const pr = kind === "pr";
  const [xs, ys] = pr ? [curve.prX, curve.prY] : [curve.rocX, curve.rocY];
  const [px, py] = pr ? [here.recall, here.precision] : [here.alarmRate, here.recall];
  const share = (v: number) => String(Number((100 * v).toFixed(1)));
  return (
    <Plot label={pr ? words.prLabel(name) : words.rocLabel(name)} x={[0, 1]} y={[0, 1]} xLabel={pr ? words.prX(name) : words.rocX} tickX={share} tickY={share}>
      {(X, Y, box) => (
        <>
          <path class="ln ev-stroke" d={path(xs, ys, X, Y)} />
          {Number.isFinite(px) && Number.isFinite(py) && (
            <>
              <line class="ev-dots" x1={X(px)} x2={X(px)} y1={Y(py)} y2={box.bottom} />
              <line class="ev-dots" x1={box.left} x2={X(px)} y1={Y(py)} y2={Y(py)} />
              <circle class="pt ev-point" cx={X(px)} cy={Y(py)} r="5" />
              <text
                class="strong halo"
                x={X(px) + (px > 0.5 ? -10 : 12)}
                y={Math.min(box.bottom - 6, Y(py) + 20)}
                text-anchor={px > 0.5 ? "end" : "start"}
              >
                {pr ? words.pointPr(share(py), share(px)) : words.pointRoc(share(py), share(px))}
              </text>
            </>
          )}
        </>
      )}
    </Plot>
  );
}

const BARS = 44;

export function CalibrationPanel({ evaluation }: { evaluation: Evaluation }) {
  const { calibration: bins } = evaluation;
  const used = bins.count.map((n, i) => (n ? i : -1)).filter((i) => i >= 0);
  const low = used.length && used[0]! >= 2 ? Math.floor(used[0]! / 2) * 0.2 : 0;
  const last = used[used.length - 1];
  const most = Math.max(1, ...bins.count);
  const whole = (v: number) => String(Math.round(100 * v));
  const mark = { "too sure": words.tooSure, "not sure": words.notSure, calibrated: words.calibrated }[verdict(bins)];
  return (
    <section aria-label={words.calibration}>
      <div class="ev-cap">
        <h3>{words.calibration}</h3>
        <span class="ll-soft ll-sm ev-opt">{words.calibrationAsk}</span>
      </div>
      <div class="ev-subt">
        <span>
          <svg class="ll-key" width="14" height="10">
            <line x1="0" x2="14" y1="9" y2="1" class="ev-dots" />
          </svg>{" "}
          {words.ideal}
        </span>
        <span>
          <svg class="ll-key" width="10" height="12">
            <line x1="5" x2="5" y1="0" y2="12" class="ev-bar" />
            <circle cx="5" cy="6" r="2.5" class="ev-ring" />
          </svg>{" "}
          {words.thisRun}
        </span>
      </div>
      <Plot label={words.calibrationLabel} x={[low, 1]} y={[0, 1]} xLabel={words.sure} yLabel={words.rightAxis} tickX={whole} tickY={whole} below={BARS}>
        {(X, Y, box) => (
          <>
            <line class="ev-dots" x1={X(low)} y1={Y(low)} x2={X(1)} y2={Y(1)} />
            {used.map((i) => (
              <line key={`b${i}`} class="ev-bar" x1={X(bins.sure[i]!)} x2={X(bins.sure[i]!)} y1={Y(bins.low[i]!)} y2={Y(bins.high[i]!)} />
            ))}
            {used.map((i) => (
              <circle key={i} class="ev-ring" cx={X(bins.sure[i]!)} cy={Y(bins.right[i]!)} r="3.5" />
            ))}
            {used.map((i) => {
              const size = Math.max(1.5, (20 * Math.log10(1 + bins.count[i]!)) / Math.log10(1 + most));
              const foot = box.bottom + 34 + BARS - 14;
              const middle = (X(i / 10) + X((i + 1) / 10)) / 2;
              return (
                <g key={`n${i}`}>
                  <rect class="ev-count" x={X(i / 10) + 1} y={foot - size} width={Math.max(1, X((i + 1) / 10) - X(i / 10) - 2)} height={size} />
                  <text x={middle} y={foot + 12} text-anchor="middle">
                    {bins.count[i]! > 999 ? `${(bins.count[i]! / 1000).toFixed(1)}k` : bins.count[i]}
                  </text>
                </g>
              );
            })}
            <text x={box.left - 6} y={box.bottom + 34 + BARS - 2} text-anchor="end">
              {words.n}
            </text>
          </>
        )}
      </Plot>
      <p class="ll-sm ev-words">
        {last !== undefined && words.sureBin(bins.count[last]!, bins.sure[last]!, bins.right[last]!)} {mark}
      </p>
    </section>
  );
}
