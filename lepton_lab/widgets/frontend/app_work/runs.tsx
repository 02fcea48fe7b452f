// The runs of a project, and two of them compared.
import { useEffect, useState } from "preact/hooks";
import { Icon, Menu } from "../lib/controls";
import { seconds } from "../lib/format";
import { useOrder } from "../lib/widget";
import { app_work as t } from "../strings/en/app_work";
import { Result, State } from "./row";
import { type Project, result, type Run, runWords, when } from "./rows";

interface Props {
  project: Project;
  runs: Run[] | undefined;
  now: Date;
  onDeleteRun: (run: Run) => void;
  onRenameRun: (run: Run) => void;
  order: (op: string, args?: Record<string, unknown>) => Promise<unknown>;
}

export function Runs({ project, runs, now, order, onDeleteRun, onRenameRun }: Props) {
  const [picked, setPicked] = useState<readonly string[]>([]);
  if (!runs) return <p class="ll-runs-none" role="status" />;
  if (!runs.length) return <p class="ll-runs-none">{t.noRuns}</p>;
  const open = (run: Run) => void order("open_run", { project_id: project.id, run_id: run.id });
  const pick = (id: string) => setPicked(picked.includes(id) ? picked.filter((other) => other !== id) : [...picked.slice(-1), id]);
  const pair = runs.filter((run) => picked.includes(run.id));
  return (
    <div class="ll-runs">
      <table class="ll-table" aria-label={t.runs(project.title)}>
        <thead>
          <tr>
            {runs.length > 1 && (
              <th class="l">
                <span class="ll-sr">{t.compare}</span>
              </th>
            )}
            <th class="l" colSpan={2}>
              {t.run}
            </th>
            <th class="l ll-roomy">{t.stateHead}</th>
            <th>{t.result}</th>
            <th class="ll-roomy">{t.rounds}</th>
            <th class="ll-roomy">{t.took}</th>
            <th class="ll-roomy">{t.when}</th>
            <th />
          </tr>
        </thead>
        <tbody>
          {runs.map((run) => (
            <tr key={run.id} data-run={run.id}>
              {runs.length > 1 && (
                <td class="l ll-tick">
                  <input type="checkbox" class="ll-check" aria-label={t.pick(run.name)} checked={picked.includes(run.id)} onChange={() => pick(run.id)} />
                </td>
              )}
              <td class="l ll-tick">
                <button
                  type="button"
                  class={run.star ? "ll-btn quiet icon ll-star on" : "ll-btn quiet icon ll-star"}
                  aria-pressed={run.star}
                  aria-label={t.star(run.name, run.star)}
                  onClick={() => void order("star_run", { run_id: run.id, on: !run.star })}
                >
                  <Icon name="star" />
                </button>
              </td>
              <td class="l ll-name">
                <button type="button" class="ll-link" aria-label={t.act(run.live ? t.watch : t.open, run.name)} onClick={() => open(run)}>
                  {run.name}
                </button>
                <div class="ll-narrow">
                  <State run={run} />
                </div>
              </td>
              <td class="l ll-roomy">
                <State run={run} />
              </td>
              <td>
                <Result run={run} />
              </td>
              <td class="ll-roomy">{run.epoch}</td>
              <td class="ll-roomy">{seconds(run.duration)}</td>
              <td class="ll-roomy">{when(run.when, now, run.live)}</td>
              <td>
                <Menu
                  label={t.more(run.name)}
                  items={[
                    { label: run.live ? t.watch : t.open, icon: "right", onClick: () => open(run) },
                    { label: t.rename, icon: "pen", onClick: () => onRenameRun(run) },
                    { label: t.delete, icon: "trash", disabledReason: run.live ? t.runIsLive : "", onClick: () => onDeleteRun(run) },
                  ]}
                />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      {runs.length > 1 && pair.length < 2 && <p class="ll-soft ll-sm">{t.pickHint}</p>}
      {pair.length === 2 && <Compare a={pair[1]!} b={pair[0]!} />}
    </div>
  );
}

function Compare({ a, b }: { a: Run; b: Run }) {
  const order = useOrder();
  const [settings, setSettings] = useState<[string, string[]][] | null>(null);
  useEffect(() => {
    let left = false;
    setSettings(null);
    void order("differences", { run_ids: [a.id, b.id] }).then((found) => !left && found && setSettings(found.settings));
    return () => {
      left = true;
    };
  }, [order, a.id, b.id]);
  const both: [string, [string, string]][] = [
    [t.result, [words(a), words(b)]],
    [t.stateHead, [runWords(a), runWords(b)]],
  ];
  return (
    <section class="ll-compare" aria-label={t.compareOf(a.name, b.name)}>
      <h3>{t.compare}</h3>
      {settings === null ? (
        <p class="ll-soft" role="status">
          {t.comparing}
        </p>
      ) : (
        <table class="ll-table">
          <thead>
            <tr>
              <th class="l">{t.setting}</th>
              <th class="l">{a.name}</th>
              <th class="l">{b.name}</th>
            </tr>
          </thead>
          <tbody>
            {[...both, ...settings].map(([name, values]) => (
              <tr key={name}>
                <th class="l" scope="row">
                  {name}
                </th>
                {values.map((value, i) => (
                  <td class="l" key={i}>
                    {value}
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      )}
      {settings?.length === 0 && <p class="ll-soft ll-sm">{t.same}</p>}
    </section>
  );
}

function words(run: Run): string {
  const found = result(run);
  return found ? `${found.value} ${found.unit}` : "–";
}
