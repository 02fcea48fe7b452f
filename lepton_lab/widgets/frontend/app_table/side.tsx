// What will be predicted and with which rows, and the one button that goes on.
import { useEffect, useState } from "preact/hooks";
import { Button, Select, Slider, TextField } from "../lib/controls";
import { count, percent } from "../lib/format";
import { app_table as t } from "../strings/en/app_table";
import { type Look, splitAfter } from "./model";

interface SideProps {
  look: Look;
  title: string;
  busy: string;
  onChange: (what: string, column: string, value?: unknown) => void;
  onUse: () => void;
}

const PARTS = ["train", "valid", "test"] as const;

export function Side({ look, title, busy, onChange, onUse }: SideProps) {
  const [more, setMore] = useState(false);
  const { task, split } = look;
  const [wanted, setWanted] = useState<{ valid: number; test: number } | null>(null); // until the answer is there
  const shares = wanted ?? split;
  useEffect(() => setWanted(null), [look]);
  const most = Math.max(...task.kinds.map((kind) => kind.share), 1e-9);
  const total = Math.max(1, split.counts.train + split.counts.valid + split.counts.test);
  const choices = look.columns.filter((column) => !column.cannot);
  return (
    <aside class="ll-box tb-side" aria-label={t.toPredict}>
      <section>
        <h2>{t.toPredict}</h2>
        <p class="tb-task" role="status">
          {task.title} {task.term && <span class="ll-soft">({task.term})</span>}
        </p>
        <p class="ll-sm ll-soft">{look.reason}</p>
        <Select
          label={t.target}
          value={look.target}
          options={[...(look.target && !choices.some((c) => c.name === look.target) ? [{ value: look.target, label: look.target }] : []), ...choices.map(({ name }) => ({ value: name, label: name }))]}
          onChange={(name) => onChange("target", name)}
          disabledReason={busy}
        />
        {task.kinds.length > 0 && (
          <ul class="tb-kinds">
            {task.kinds.map((kind) => (
              <li key={kind.name} aria-label={t.kindRow(kind.name, count(kind.count))}>
                <span title={kind.name}>{kind.name}</span>
                <span class="ll-bar">
                  <i style={{ width: `${(100 * kind.share) / most}%` }} />
                </span>
                <span>{count(kind.count)}</span>
              </li>
            ))}
            {!!task.more && <li class="ll-soft">{t.moreKinds(count(task.more))}</li>}
          </ul>
        )}
        {task.other && (
          <Button label={task.other === "regression" ? t.asNumber : t.asKinds} disabledReason={busy} onClick={() => onChange("task", "", task.other)} />
        )}
      </section>
      <section>
        <h2>{t.split}</h2>
        <div class="tb-split" aria-hidden="true">
          {PARTS.map((part) => (
            <i key={part} class={`k-${part}`} style={{ flexGrow: split.counts[part] }} />
          ))}
        </div>
        <dl class="tb-counts">
          {PARTS.map((part) => (
            <div key={part}>
              <dt>
                <i class={`k-${part}`} />
                {t[part]}
              </dt>
              <dd>
                {count(split.counts[part])} <span class="ll-soft">{percent(split.counts[part] / total, 0)}</span>
              </dd>
            </div>
          ))}
        </dl>
        <button type="button" class="tb-more" aria-expanded={more} onClick={() => setMore(!more)}>
          {t.more}
        </button>
        {more && (
          <div class="tb-opts">
            {(["valid", "test"] as const).map((part) => (
              <Slider
                key={part}
                label={t.share[part]}
                value={shares[part]}
                min={0.05}
                max={0.4}
                step={0.01}
                format={(share) => percent(share, 0)}
                onChange={(share) => {
                  const next = splitAfter({ valid: shares.valid, test: shares.test }, part, share);
                  setWanted(next);
                  onChange("split", "", next);
                }}
              />
            ))}
            {task.kind === "classification" && (
              <label class="tb-check">
                <input class="ll-check" type="checkbox" checked={split.stratified} onChange={(event) => onChange("split", "", { stratified: event.currentTarget.checked })} />
                {t.stratified}
              </label>
            )}
            <Button icon="redo" label={t.again} onClick={() => onChange("split", "", { seed: split.seed + 1 })} />
          </div>
        )}
      </section>
      <section class="tb-title">
        <TextField label={t.name} value={title} onChange={(value) => onChange("title", "", value)} />
      </section>
      <section class="tb-go">
        <Button kind="primary" label={busy === t.making ? t.making : t.useIt} disabledReason={look.waiting || busy} onClick={onUse} />
        {look.waiting && (
          <p class="ll-sm tb-wait" role="status">
            {look.waiting}
          </p>
        )}
      </section>
    </aside>
  );
}
