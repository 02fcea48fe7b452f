// How the next run trains. Every change is kept by the project at once.
import { useEffect, useState } from "preact/hooks";
import { Button, NumberField, Select } from "../lib/controls";
import { useOrder, useTrait } from "../lib/widget";
import { workbench as t } from "../strings/en/workbench";
import type { State } from "./state";

interface Values {
  epochs: number;
  batch_size: number;
  lr: number;
  optimizer: string;
  schedule?: string | null;
  seed?: number;
  probes?: string[] | null;
}

export function Settings({ state, starting, onStart }: { state: State; starting: boolean; onStart: () => void }) {
  const order = useOrder();
  const [values] = useTrait<Values>("settings");
  const [choices, setChoices] = useState<{ optimizers: string[]; schedules: string[] }>({ optimizers: [], schedules: [] });
  useEffect(() => {
    void order("choices").then((found) => found && setChoices(found));
  }, []);
  const change = (settings: Partial<Values>) => void order("change", { settings });
  const options = (names: string[]) => names.map((value) => ({ value, label: value }));
  const running = !!state.run && !state.run.ended;
  const busy = starting ? t.starting : state.busy ? t.loading : state.waiting;
  return (
    <div class="ll-wb-settings" role="group" aria-label={t.settings}>
      <NumberField label={t.fields.epochs} value={values.epochs} min={1} step={1} onChange={(n) => change({ epochs: Math.round(n) })} />
      <NumberField
        label={t.fields.batch_size}
        value={values.batch_size}
        min={1}
        step={1}
        onChange={(n) => change({ batch_size: Math.round(n) })}
      />
      <NumberField label={t.fields.lr} value={values.lr} min={0} onChange={(lr) => change({ lr })} />
      <Select
        label={t.fields.optimizer}
        value={values.optimizer}
        options={options(choices.optimizers.length ? choices.optimizers : [values.optimizer])}
        onChange={(optimizer) => change({ optimizer })}
      />
      <Select
        label={t.fields.schedule}
        value={values.schedule ?? ""}
        options={[{ value: "", label: t.constant }, ...options(choices.schedules)]}
        onChange={(name) => change({ schedule: name || null })}
      />
      <label class="check" title={t.probesHelp}>
        <input
          type="checkbox"
          class="ll-check"
          checked={!!values.probes?.length}
          onChange={(event) => change({ probes: event.currentTarget.checked ? ["standard"] : null })}
        />
        {t.fields.probes}
      </label>
      <div class="go">
        {busy && <span class="why">{busy}</span>}
        {/* one filled button a view: while a run trains, that is the run's own */}
        <Button
          kind={running ? undefined : "primary"}
          icon="play"
          label={running ? t.another : t.train}
          disabledReason={busy}
          onClick={onStart}
        />
      </div>
    </div>
  );
}
