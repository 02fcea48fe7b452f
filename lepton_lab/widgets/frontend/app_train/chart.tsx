// One chart: how much is right, or the loss; on what it learns from and on what it has never seen.
import { useMemo, useState } from "preact/hooks";
import { LineChart } from "../lib/chart";
import { Swatch } from "../lib/chart_readout";
import { Segmented } from "../lib/controls";
import { num, percent } from "../lib/format";
import { useWidth } from "../lib/use_width";
import { app_train as t } from "../strings/en/app_train";
import { scaleOf } from "../training_monitor/curves";
import type { RunData } from "../training_monitor/store";
import { curves, formatOf, reach, type View } from "./model";

const PERCENT = [0, 100] as const;
const FROM_0 = [0, null] as const;
const PHONE_PX = 520;

export function Chart({ main, other, view }: { main: RunData | null; other: RunData | null; view: View }) {
  const [loss, setLoss] = useState(false);
  const [place, width] = useWidth<HTMLElement>();
  const { column: metric = "accuracy", regression = false, noun = "", target = "", guess = null } = view.chart ?? {};
  const column = loss ? "loss" : metric;
  const of = useMemo(
    () => curves(main, other, column),
    [main?.id, other?.id, main?.tables.steps, main?.tables.epochs, other?.tables.epochs, other?.tables.steps, main?.status?.best, column],
  );
  const format = useMemo(() => formatOf(column), [column]);
  const refs = useMemo(() => (guess === null || loss ? [] : [{ y: guess * scaleOf(column), text: t.guessing(scaleOf(column) === 100 ? percent(guess, guess < 0.995 && guess > 0.005 ? 0 : 1) : format(guess)) }]), [guess, column, loss]);
  const epochs = Math.max(main?.status?.epochs ?? 0, other?.status?.epochs ?? 0);
  const seen = Math.max(0, ...[main, other].map((run) => run?.tables.steps.columns.get("epoch")?.at(-1) ?? 0));
  const end = reach(epochs, seen);
  const limits = useMemo(() => [0, end || null] as const, [end]);
  const [label, term] = loss ? [t.loss, t.lossTerm] : regression ? [t.off(target), t.offTerm] : [t.right, t.rightTerm];
  if (!view.chart) return null;
  return (
    <section class="ll-box at-chart at-o2" ref={place} aria-label={`${label} ${term}`}>
      <div class="at-hd">
        <h2>
          {label} <span class="ll-soft">{term}</span>
        </h2>
        <span class="ll-grow" />
        <Segmented
          small
          label={t.show}
          value={loss ? "loss" : "metric"}
          options={[{ value: "metric", label: regression ? `${t.offShort} ${t.offTerm}` : t.right }, { value: "loss", label: `${t.loss} ${t.lossTerm}` }]}
          onChange={(value) => setLoss(value === "loss")}
        />
      </div>
      {of.series.length ? (
        <>
          <div class="at-keys">
            <Key text={t.learnsFrom(noun)} value={of.learns} />
            {of.unseen && <Key text={t.neverSeen(noun)} value={of.unseen} dashed />}
            {of.fix && (
              <span>
                <Swatch color={2} /> {t.withFix}
              </span>
            )}
          </div>
          <LineChart
            label={`${label} ${term}`}
            xLabel={t.roundAxis}
            series={of.series}
            marks={of.marks}
            refs={refs}
            readout={false}
            height={width && width < PHONE_PX ? 226 : 285}
            xLimits={limits}
            yRange={scaleOf(column) === 100 ? PERCENT : undefined}
            yLimits={FROM_0}
            format={format}
            formatX={(x) => num(x, 2)}
            tickX={(x) => String(Number(x.toPrecision(3)))}
          />
        </>
      ) : (
        <div class="at-nothing">
          <p>{main ? t.noCurve : t.waitsCurve}</p>
          <p class="ll-soft">{t.noCurveDetail}</p>
        </div>
      )}
    </section>
  );
}

function Key({ text, value, dashed }: { text: string; value: string; dashed?: boolean }) {
  return (
    <span>
      <svg class="ll-key" width="24" height="8" aria-hidden="true">
        <line x1="0" x2="24" y1="4" y2="4" stroke="var(--ll-s1)" stroke-width="1.75" stroke-dasharray={dashed ? "5 3" : undefined} />
        {dashed && <circle cx="12" cy="4" r="2.5" fill="var(--ll-bg)" stroke="var(--ll-s1)" stroke-width="1.5" />}
      </svg>{" "}
      {text} <b>{value}</b>
    </span>
  );
}
