// What a regression gets wrong: predicted against true, residuals, their spread, and whether they are plain noise.
import { useEffect, useState } from "preact/hooks";
import { Select } from "../lib/controls";
import { evaluation_view as words } from "../strings/en/evaluation_view";
import type { Ask } from "../lib/widget";
import { extent, padded } from "./axes";
import { type Evaluation, readSamples, readTarget, type Sample, type Target } from "./model";
import { Plot, type Scale } from "./plot";
import { Picked } from "./samples";

const NEAR_PX = 14;

export function Regression({ ask, evaluation, stamp }: { ask: Ask; evaluation: Evaluation; stamp: number }) {
  const { split, classes } = evaluation;
  const [which, setWhich] = useState(0);
  const [target, setTarget] = useState<Target | null>(null);
  const [picked, setPicked] = useState<Sample | null>(null);
  useEffect(() => {
    let current = true;
    setPicked(null);
    void ask("target", { split, which }).then((answer) => {
      if (current && answer) setTarget(readTarget(answer.result, answer.buffers));
    });
    return () => {
      current = false;
    };
  }, [split, which, stamp]);
  if (!target) return null;
  const name = classes[which] ?? "";

  /** The dot nearest to a click becomes the sample that is shown. */
  const pick = (xs: Float32Array, ys: Float32Array) => (event: MouseEvent, X: Scale, Y: Scale) => {
    let [best, distance] = [-1, NEAR_PX];
    for (let i = 0; i < xs.length; i++) {
      const d = Math.hypot(X(xs[i]!) - event.offsetX, Y(ys[i]!) - event.offsetY);
      if (d < distance) [best, distance] = [i, d];
    }
    if (best < 0) return;
    void ask("sample", { split, row: target.rows[best] }).then((answer) => {
      if (answer) setPicked(readSamples(answer.result, answer.buffers).samples[0] ?? null);
    });
  };
  const both = padded(extent(target.true, target.predicted));
  const errors = padded(extent(target.error, [0]));
  const most = Math.max(1, ...target.count);
  const [slope, start] = target.line;
  const normal = padded(extent(target.normal));
  return (
    <>
      {classes.length > 1 && (
        <div class="ev-bar2">
          <div class="ev-class">
            <Select label={words.target} value={String(which)} options={classes.map((text, i) => ({ value: String(i), label: text }))} onChange={(v) => setWhich(Number(v))} />
          </div>
        </div>
      )}
      <div class="ev-half">
        <section aria-label={words.againstTrue}>
          <h3>{words.againstTrue}</h3>
          <Plot label={words.againstTrue} x={both} y={both} xLabel={words.trueAxis(name)} yLabel={words.predictedAxis(name)} height={260} onClick={pick(target.true, target.predicted)}>
            {(X, Y) => (
              <>
                <line class="ev-dots" x1={X(both[0])} y1={Y(both[0])} x2={X(both[1])} y2={Y(both[1])} />
                <Dots x={target.true} y={target.predicted} X={X} Y={Y} />
              </>
            )}
          </Plot>
        </section>
        <section aria-label={words.residualsTitle}>
          <div class="ll-row">
            <h3>{words.residualsTitle}</h3>
            <span class="ll-soft ll-sm ev-opt">{words.residualsAsk}</span>
          </div>
          <Plot
            label={words.residualsTitle}
            x={padded(extent(target.predicted))}
            y={errors}
            xLabel={words.predictedAxis(name)}
            yLabel={words.residualAxis}
            height={260}
            onClick={pick(target.predicted, target.error)}
          >
            {(X, Y, box) => (
              <>
                <line class="ev-dots" x1={box.left} x2={box.right} y1={Y(0)} y2={Y(0)} />
                <Dots x={target.predicted} y={target.error} X={X} Y={Y} />
              </>
            )}
          </Plot>
        </section>
        <section aria-label={words.histogram}>
          <h3>{words.histogram}</h3>
          <Plot label={words.histogram} x={padded(extent(target.edges), 0.02)} y={[0, most * 1.08]} xLabel={words.residualAxis} yLabel={words.countAxis} height={220}>
            {(X, Y) =>
              target.count.map((n, i) => (
                <rect key={i} class="ev-hist" x={X(target.edges[i]!) + 0.5} y={Y(n)} width={Math.max(1, X(target.edges[i + 1]!) - X(target.edges[i]!) - 1)} height={Math.max(0, Y(0) - Y(n))} />
              ))
            }
          </Plot>
        </section>
        <section aria-label={words.qq}>
          <div class="ll-row">
            <h3>{words.qq}</h3>
            <span class="ll-soft ll-sm ev-opt">{words.qqAsk}</span>
          </div>
          <Plot label={words.qq} x={normal} y={padded(extent(target.ordered, normal.map((v) => slope * v + start)))} xLabel={words.quantileAxis} yLabel={words.residualAxis} height={220}>
            {(X, Y) => (
              <>
                <line class="ev-dots" x1={X(normal[0])} x2={X(normal[1])} y1={Y(slope * normal[0] + start)} y2={Y(slope * normal[1] + start)} />
                <Dots x={target.normal} y={target.ordered} X={X} Y={Y} />
              </>
            )}
          </Plot>
        </section>
      </div>
      {target.rows.length < evaluation.samples && <p class="ev-note ll-sm ll-soft">{words.dots(target.rows.length, evaluation.samples)}</p>}
      {picked && (
        <div class="ev-note">
          <Picked sample={picked} split={split} names={classes} />
        </div>
      )}
    </>
  );
}

/** Many dots as one path: a circle each would be thousands of elements. */
function Dots({ x, y, X, Y }: { x: Float32Array; y: Float32Array; X: Scale; Y: Scale }) {
  let text = "";
  for (let i = 0; i < x.length; i++) text += `M${X(x[i]!).toFixed(1)} ${Y(y[i]!).toFixed(1)}h0`;
  return <path class={x.length > 800 ? "ev-cloud many" : "ev-cloud"} d={text} />;
}
