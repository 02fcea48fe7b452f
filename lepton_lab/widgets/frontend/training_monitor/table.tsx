// The runs in the charts side by side, and the way to add another.
import { useState } from "preact/hooks";
import { Button, Dialog, TextField } from "../lib/controls";
import { count, num, percent } from "../lib/format";
import { useOrder } from "../lib/widget";
import { monitor as words } from "../strings/en/training_monitor";
import { differences, metricsOf, scaleOf } from "./curves";
import type { RunData } from "./store";
import type { Shown } from "./use_runs";

const SHAPES = [<circle cx="11" cy="4" r="2.5" />, <rect x="8.5" y="1.5" width="5" height="5" />, <path d="M11 1l3 5.4H8z" />, <path d="M11 .8l3.2 3.2-3.2 3.2-3.2-3.2z" />];

export function Key({ color }: { color: number }) {
  return (
    <svg class="ll-key" width="22" height="8" aria-hidden="true">
      <line x1="0" x2="22" y1="4" y2="4" stroke={`var(--ll-s${color})`} stroke-width="2" />
      <g fill="var(--ll-bg)" stroke={`var(--ll-s${color})`} stroke-width="1.5">{SHAPES[(color - 1) % 4]}</g>
    </svg>
  );
}

interface Props {
  runs: readonly Shown[];
  hidden: ReadonlySet<string>;
  onHide: (id: string, hidden: boolean) => void;
}

export function RunTable({ runs, hidden, onHide }: Props) {
  const order = useOrder();
  const metric = metricsOf(runs.map(({ run }) => run))[0];
  const losses = runs.map(({ run }) => bestValue(run, "loss"));
  const lowest = Math.min(...losses.filter((v): v is number => v !== null));
  const first = runs[0]?.run;
  const c = words.columns;
  return (
    <div class="runs">
      <table class="ll-table" aria-label={words.runs}>
        <thead>
          <tr>
            <th class="l" style={{ width: "30px" }}><span class="ll-sr">{c.shown}</span></th>
            <th class="l">{c.run}</th><th class="l">{c.state}</th><th>{c.loss}</th><th>{c.epoch}</th>
            {metric && <th>{words.bestOf(metric)}</th>}
            <th class="l wide">{c.optimizer}</th><th class="l opt">{c.differs}</th><th><span class="ll-sr">{c.more}</span></th>
          </tr>
        </thead>
        <tbody>
          {runs.map(({ run, color }, i) => {
            const name = run.about?.name ?? run.id;
            const loss = losses[i]!;
            const value = metric ? bestValue(run, metric) : null;
            const unlike = first && i > 0 ? differences(first, run).join(", ") : "";
            return (
              <tr key={run.id}>
                <td class="l"><input class="ll-check" type="checkbox" checked={!hidden.has(run.id)} aria-label={words.show(name)} onChange={(event) => onHide(run.id, !event.currentTarget.checked)} /></td>
                <td class="l name"><Key color={color} /> {i === 0 ? <strong>{name}</strong> : name}</td>
                <td class="l">{words.stateAt(words.states[run.status?.state ?? ""] ?? "", run.status?.epoch ?? 0)}</td>
                <td>{loss !== null && loss === lowest && runs.length > 1 ? <b>{num(loss)}</b> : num(loss)}</td>
                <td>{run.status?.best_epoch ? count(run.status.best_epoch) : "–"}</td>
                {metric && <td>{value === null ? "–" : scaleOf(metric) === 100 ? percent(value) : num(value)}</td>}
                <td class="l wide">{String(run.about?.settings["optimizer"] ?? "–")}</td>
                <td class="l opt"><code title={unlike}>{unlike}</code></td>
                <td class="acts">
                  {i > 0 && (
                    <>
                      <Button kind="quiet" icon="up" iconOnly label={words.steer(name)} onClick={() => order("show", { run: run.id })} />
                      <Button kind="quiet" icon="close" iconOnly label={words.remove(name)} onClick={() => order("remove", { run: run.id })} />
                    </>
                  )}
                </td>
              </tr>
            );
          })}
        </tbody>
      </table>
    </div>
  );
}

function bestValue(run: RunData, column: string): number | null {
  const best = run.status?.best;
  const value = best?.[`val_${column}`] ?? best?.[column];
  return value === undefined || !Number.isFinite(value) ? null : value;
}

interface Candidate {
  id: string;
  name: string;
  state: string;
  created: number;
}

export function Foot({ run }: { run: RunData | null }) {
  const order = useOrder();
  const [found, setFound] = useState<Candidate[] | null>(null);
  const [search, setSearch] = useState("");
  const listed = (found ?? []).filter((one) => one.name.toLowerCase().includes(search.toLowerCase()));
  return (
    <div class="foot">
      <Button kind="quiet" icon="plus" label={words.add} onClick={async () => setFound((await order("candidates")) ?? [])} />
      <span class="ll-grow" />
      {run?.about?.recorded && (
        <span>
          {words.goesOn} <code>ll.open_run("{run.about.name}")</code> {words.findsIt}
        </span>
      )}
      {found && (
        <Dialog title={words.addTitle} onClose={() => setFound(null)} actions={null}>
          <div class="choose">
            <TextField label={words.find} value={search} type="search" onChange={setSearch} onInput={setSearch} />
            {listed.length === 0 && <p class="ll-soft">{words.addNone}</p>}
            <ul>
              {listed.map((one) => (
                <li key={one.id}>
                  <button type="button" class="ll-btn quiet" aria-label={words.addRun(one.name)} onClick={() => { setFound(null); void order("add", { run: one.id }); }}>
                    <span class="ll-grow">{one.name}</span>
                    <span class="ll-soft">{words.states[one.state] ?? one.state}, {new Date(one.created * 1000).toLocaleString()}</span>
                  </button>
                </li>
              ))}
            </ul>
          </div>
        </Dialog>
      )}
    </div>
  );
}
