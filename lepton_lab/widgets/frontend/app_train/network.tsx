// The network that trains, in four lines.
import { bytes, count } from "../lib/format";
import { app_train as t } from "../strings/en/app_train";
import type { Status } from "../training_monitor/store";

export function Network({ of: [kind, parameters], status, noun, changed }: { of: [string, number | null]; status: Status | null; noun: string; changed: boolean }) {
  const gpu = !!status && !!status.device && !status.device.startsWith("cpu");
  return (
    <section class="ll-box" aria-label={t.network}>
      <h2>{t.network}</h2>
      <dl class="at-kv">
        <dt>{t.kind}</dt>
        <dd>{kind}</dd>
        {parameters !== null && (
          <>
            <dt>{t.parameters}</dt>
            <dd>{count(parameters)}</dd>
          </>
        )}
        {!!status?.samples_per_s && (
          <>
            <dt>{t.speed(noun)}</dt>
            <dd>{count(Number(status.samples_per_s.toPrecision(3)))}</dd>
          </>
        )}
        {!!status?.memory_bytes && (
          <>
            <dt>{t.memory(gpu)}</dt>
            <dd>{bytes(status.memory_bytes)}</dd>
          </>
        )}
      </dl>
      {changed && <p class="at-sub">{t.changed}</p>}
    </section>
  );
}
