// A fix that is being tried: the two runs side by side.
import { useMemo } from "preact/hooks";
import { LineChart, type Series } from "../lib/chart";
import { Button, Chip } from "../lib/controls";
import { count, num } from "../lib/format";
import { useOrder } from "../lib/widget";
import { doctor_view as t } from "../strings/en/doctor_view";
import type { Row, Trial } from "./model";

const text = (value: number | string | null, unit: string): string =>
  typeof value === "string" ? value : [Number.isInteger(value) ? count(value!) : num(value), unit].filter(Boolean).join(" ");

function Change({ row }: { row: Row }) {
  if (row.better === null) return null;
  return <span class={row.better ? "good" : "bad"}>{row.better ? t.better : t.worse}</span>;
}

export function TrialView({ trial }: { trial: Trial }) {
  const order = useOrder();
  const result = trial.result;
  const series = useMemo<Series[]>(
    () =>
      result
        ? [
            { x: result.curves.before.step, y: result.curves.before.loss, color: 1, split: "train", name: t.before },
            { x: result.curves.after.step, y: result.curves.after.loss, color: 2, split: "train", name: t.after },
          ]
        : [],
    [result],
  );
  return (
    <section class="ll-dr-trial" aria-label={t.tried(trial.label)}>
      <header>
        <h3>{t.tried(trial.label)}</h3>
        <Chip live={!trial.ended}>{t.state(trial.state, trial.epoch, trial.epochs)}</Chip>
        <code>{trial.name}</code>
      </header>
      {result ? (
        <>
          <LineChart label={t.loss} xLabel={t.step} series={series} yScale="log" height={170} />
          <table class="ll-table" aria-label={`${t.before}, ${t.after}`}>
            <thead>
              <tr>
                <th class="l">{t.what}</th>
                <th>{t.before}</th>
                <th>{t.after}</th>
                <th>{t.change}</th>
              </tr>
            </thead>
            <tbody>
              {result.rows.map((row) => (
                <tr key={row.what}>
                  <td class="l">{row.what}</td>
                  <td>{text(row.before, row.unit)}</td>
                  <td>{text(row.after, row.unit)}</td>
                  <td>
                    <Change row={row} />
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </>
      ) : (
        <p class="ll-soft">{t.waiting}</p>
      )}
      <footer>
        <Button kind="primary" label={t.adopt} onClick={() => void order("adopt", { key: trial.key })} />
        <Button label={t.discard} onClick={() => void order("discard", { key: trial.key })} />
        {!!result?.gone.length && <span class="ll-sm">{t.gone(result.gone.join(", "))}</span>}
        {!!result?.new.length && <span class="ll-sm">{t.fresh(result.new.join(", "))}</span>}
      </footer>
    </section>
  );
}
