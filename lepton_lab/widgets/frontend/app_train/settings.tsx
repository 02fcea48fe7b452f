// How the next training goes, folded away: each setting with a sentence of help.
import { useEffect, useState } from "preact/hooks";
import { Icon, NumberField, Select, Slider, Switch } from "../lib/controls";
import { power } from "../lib/format";
import { useOrder } from "../lib/widget";
import { app_train as t } from "../strings/en/app_train";
import type { Settings } from "./model";

const BATCHES = [8, 16, 32, 64, 128, 256, 512];
const PATIENCE = 5;

export function MoreSettings({ settings }: { settings: Settings }) {
  const order = useOrder();
  const [given, setGiven] = useState<Partial<Settings>>({});
  const said = JSON.stringify(settings);
  useEffect(() => setGiven({}), [said]);
  const now = { ...settings, ...given };
  const change = (changes: Partial<Settings>) => {
    setGiven({ ...given, ...changes });
    void order("change", { changes }).then((answer) => answer === null && setTimeout(() => setGiven({}), 1500));
  };
  const augment = (on: boolean) => {
    setGiven({ ...given, augmentation: on });
    void order("augment", { on });
  };
  const sizes = [...new Set([...BATCHES, now.batch_size])].sort((a, b) => a - b);
  const lr = now.lr ?? 1e-3;
  return (
    <details class="ll-box at-more at-o4">
      <summary>
        <Icon name="right" />
        <span>{t.more}</span>
        <span class="ll-soft ll-sm">{t.summary(power(lr), now.batch_size, t.optimizers[now.optimizer] ?? now.optimizer, now.epochs)}</span>
      </summary>
      <div class="at-set">
        <p class="ll-soft at-all">{t.next}</p>
        <div>
          <NumberField label={t.rounds} value={now.epochs} min={1} max={10000} step={1} onChange={(epochs) => change({ epochs: Math.round(epochs) })} />
          <p>{t.roundsHelp}</p>
        </div>
        <div>
          <Slider log label={t.lr} value={lr} min={Math.min(1e-5, lr)} max={Math.max(1, lr)} format={(v) => power(v)} onChange={(v) => change({ lr: Number(v.toPrecision(2)) })} />
          <p>{t.lrHelp}</p>
        </div>
        <div>
          <Select label={t.batch} value={String(now.batch_size)} options={sizes.map((n) => ({ value: String(n), label: String(n) }))} onChange={(n) => change({ batch_size: Number(n) })} />
          <p>{t.batchHelp}</p>
        </div>
        <div>
          <Select label={t.optimizer} value={now.optimizer} options={now.optimizers.map((value) => ({ value, label: t.optimizers[value] ?? value }))} onChange={(optimizer) => change({ optimizer })} />
          <p>{t.optimizerHelp}</p>
        </div>
        <div>
          <Select label={t.schedule} value={now.schedule} options={now.schedules.map((value) => ({ value, label: t.schedules[value] ?? value }))} onChange={(schedule) => change({ schedule })} />
          <p>{t.scheduleHelp}</p>
        </div>
        <div class="at-switches">
          {now.augmentation !== null && <Toggle label={t.augmentation} help={t.augmentationHelp} on={now.augmentation} onChange={augment} />}
          <Toggle label={t.keepBest} help={t.keepBestHelp} on={now.restore_best} onChange={(restore_best) => change({ restore_best })} />
          <Toggle label={t.early} help={t.earlyHelp(now.patience ?? PATIENCE)} on={now.patience !== null} onChange={(on) => change({ patience: on ? PATIENCE : null })} />
        </div>
      </div>
    </details>
  );
}

function Toggle({ label, help, on, onChange }: { label: string; help: string; on: boolean; onChange: (on: boolean) => void }) {
  return (
    <div class="at-toggle">
      <Switch label={label} checked={on} onChange={onChange} />
      <div>
        <span aria-hidden="true">{label}</span>
        <p>{help}</p>
      </div>
    </div>
  );
}
