// The left column: source, split, preprocessing, what was checked.
import { useState } from "preact/hooks";
import { Button, Icon, NumberField, Slider } from "../lib/controls";
import { count, percent } from "../lib/format";
import { data_explorer as t } from "../strings/en/data_explorer";
import type { Overview, Table } from "./model";

type Order = (op: string, args?: Record<string, unknown>) => Promise<unknown>;

const SHARES = ["valid", "test"] as const;

export function Side(props: { about: Overview; table: Table | null; clean: string[]; order: Order; busy: boolean }) {
  const { about, table, clean, order, busy } = props;
  return (
    <div class="ll-de-side">
      <section aria-label={t.source}>
        <div class="ll-de-src">
          <Icon name={about.source.icon} />
          <div class="ll-grow">
            <h2 title={about.source.title}>{about.source.title}</h2>
            <p class="ll-sm ll-soft">
              {table ? t.tableSize(count(table.rows), table.columns.length) : about.source.detail}
              {table?.notes.encoding && (
                <>
                  <br />
                  {t.fileNotes(table.notes.encoding.toUpperCase(), "")}
                  <code>{table.notes.delimiter === "\t" ? "tab" : table.notes.delimiter}</code>
                </>
              )}
            </p>
          </div>
          {about.code && (
            <Button icon="redo" iconOnly label={t.reread} onClick={() => void order("reread")} disabledReason={busy ? t.job.read : ""} />
          )}
        </div>
      </section>
      <SplitPane about={about} order={order} busy={busy} />
      <section aria-label={t.preprocessing}>
        <h3>{t.preprocessing}</h3>
        {about.steps.length > 0 ? (
          <ol class="ll-de-steps">
            {about.steps.map((step, i) => (
              <li key={i}>
                <span>{i + 1}</span>
                <span>{step.title}</span>
                {step.detail && <span class="ll-sm">{step.detail}</span>}
              </li>
            ))}
          </ol>
        ) : (
          <p class="ll-sm ll-soft">{t.noSteps}</p>
        )}
        <p class="ll-sm ll-soft ll-de-fitted">
          <Icon name="ok" class="ll-mark ok" />
          <span>{t.fitted}</span>
        </p>
      </section>
      {clean.length > 0 && (
        <section aria-label={t.cleanTitle}>
          <h3>{t.cleanTitle}</h3>
          <ul class="ll-de-none">
            {clean.map((line) => (
              <li key={line}>{line.replace(/^./, (c) => c.toUpperCase())}</li>
            ))}
          </ul>
        </section>
      )}
    </div>
  );
}

function SplitPane({ about, order, busy }: { about: Overview; order: Order; busy: boolean }) {
  const { split, counts } = about;
  const [held, setHeld] = useState<Record<string, number>>({});
  const all = Object.values(counts).reduce((a, b) => a + b, 0);
  const fixed = (split.test === null ? counts.test ?? 0 : 0) + (split.valid === null ? counts.valid ?? 0 : 0);
  const pool = all - fixed;
  const now: Record<string, number> = { ...counts };
  for (const name of SHARES) if (held[name] !== undefined && split[name] !== null) now[name] = Math.round(held[name]! * pool);
  now.train = pool - (split.valid === null ? 0 : now.valid ?? 0) - (split.test === null ? 0 : now.test ?? 0);
  const why = split.why || (busy ? t.job.split! : "");
  const ask = (changes: Record<string, unknown>) => {
    const shares = Object.fromEntries(SHARES.filter((name) => split[name] !== null).map((name) => [name, round(split[name]!)]));
    void order("resplit", { seed: split.seed, stratified: split.stratified, ...shares, ...changes });
  };
  return (
    <section aria-label={t.splitTitle}>
      <h3>{t.splitTitle}</h3>
      {SHARES.map((name) =>
        split[name] === null ? null : (
          <Slider
            key={name}
            label={t.shareOf(name, split.test === null)}
            value={split[name]!}
            min={0}
            max={0.5}
            step={0.01}
            format={(x) => percent(x, 0)}
            disabledReason={why}
            onInput={(x) => setHeld({ ...held, [name]: x })}
            onChange={(x) => {
              setHeld({});
              if (Math.abs(x - split[name]!) > 0.004) ask({ [name]: round(x) });
            }}
          />
        ),
      )}
      <div class="ll-de-split" aria-hidden="true">
        {(["train", "valid", "test"] as const).map((name) => (now[name] ? <i key={name} class={`k-${name}`} style={{ flex: now[name] }} /> : null))}
      </div>
      <dl class="ll-de-cnt">
        {(["train", "valid", "test"] as const).map((name) =>
          now[name] ? (
            <div key={name}>
              <dt>
                <i class={`k-${name}`} />
                {t.splitName[name]}
              </dt>
              <dd>{count(now[name]!)}</dd>
              <dd>{percent(now[name]! / Math.max(1, all), 0)}</dd>
            </div>
          ) : null,
        )}
      </dl>
      {split.why ? (
        <p class="ll-xs ll-soft">{split.why}.</p>
      ) : (
        <>
          <div class="ll-de-opts">
            <span class="ll-xs ll-soft">{t.seed}</span>
            <div class="ll-de-seed">
              <NumberField label={t.seed} hideLabel value={split.seed} min={0} max={2 ** 31} step={1} disabledReason={why} onChange={(seed) => ask({ seed: Math.round(seed) })} />
            </div>
            {split.classification && (
              <label class="ll-row">
                <input class="ll-check" type="checkbox" checked={split.stratified} disabled={!!why} title={why || undefined} onChange={(e) => ask({ stratified: e.currentTarget.checked })} />
                {t.stratified}
              </label>
            )}
          </div>
          <p class="ll-xs ll-soft ll-de-help">
            {split.classification && t.stratifiedHelp} {split.test === null && counts.test ? t.testGiven : ""} {split.valid === null && counts.valid ? t.validGiven : ""}
          </p>
        </>
      )}
    </section>
  );
}

const round = (x: number) => Math.round(x * 100) / 100;
