// The table of runs. Only the rows in sight exist, so that ten thousand scroll like ten.
import { useEffect, useRef, useState } from "preact/hooks";
import { Icon } from "../lib/controls";
import { num, percent, power, seconds } from "../lib/format";
import { run_browser as words } from "../strings/en/run_browser";
import { isLive, type Run, type Sorting, windowOf } from "./runs";

export const ROW = 32;
const HEIGHT = 11 * ROW;

interface ListProps {
  runs: readonly Run[];
  columns: readonly string[];
  sorting: Sorting;
  onSort: (sorting: Sorting) => void;
  picked: readonly string[];
  onPick: (ids: string[]) => void;
  onStar: (run: Run) => void;
  onOpen: (run: Run) => void;
}

const LEFT = new Set(["state", "name", "project", "data"]);
const SHARES = /^(val_)?(accuracy|auroc|f1|precision|recall|top_)/;

export function List(props: ListProps) {
  const { runs, columns, sorting, picked, onPick } = props;
  const box = useRef<HTMLDivElement>(null);
  const [top, setTop] = useState(0);
  const [focus, setFocus] = useState(0);
  const wanted = useRef(-1);
  const [first, last] = windowOf(top, HEIGHT, ROW, runs.length);
  const chosen = new Set(picked);

  useEffect(() => {
    if (wanted.current < 0) return;
    box.current?.querySelector<HTMLElement>(`tr[data-row="${wanted.current}"]`)?.focus({ preventScroll: true });
    wanted.current = -1;
  });

  const keys = (event: KeyboardEvent) => {
    if (!(event.target instanceof HTMLElement) || event.target.tagName !== "TR") return;
    const row = Number(event.target.dataset.row);
    const run = runs[row];
    const to = { ArrowDown: row + 1, ArrowUp: row - 1, PageDown: row + 10, PageUp: row - 10, Home: 0, End: runs.length - 1 }[event.key];
    if (to !== undefined) {
      const next = Math.min(runs.length - 1, Math.max(0, to));
      const view = box.current!;
      if (next * ROW < view.scrollTop) view.scrollTop = next * ROW;
      else if ((next + 2) * ROW > view.scrollTop + view.clientHeight) view.scrollTop = (next + 2) * ROW - view.clientHeight;
      wanted.current = next;
      setFocus(next);
      setTop(view.scrollTop);
    } else if (event.key === " " && run) toggle(run);
    else if (event.key === "Enter" && run) props.onOpen(run);
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
  const toggle = (run: Run) => onPick(chosen.has(run.id) ? picked.filter((id) => id !== run.id) : [...picked, run.id]);
  const sortBy = (column: string) => props.onSort({ column, down: sorting.column === column ? !sorting.down : !LEFT.has(column) });

  return (
    <div class="rb-list" ref={box} style={{ maxHeight: `${HEIGHT}px` }} onScroll={(event) => setTop(event.currentTarget.scrollTop)}>
      <table class="ll-table rb-table" aria-label={words.tableLabel} aria-rowcount={runs.length + 1} onKeyDown={keys}>
        <thead>
          <tr>
            <th class="c">
              <input
                type="checkbox"
                class="ll-check"
                aria-label={picked.length ? words.unpick : words.pickAll}
                checked={runs.length > 0 && runs.every((run) => chosen.has(run.id))}
                onChange={() => onPick(picked.length ? [] : runs.map((run) => run.id))}
              />
            </th>
            {["star", ...columns].map((column) => (
              <th
                key={column}
                class={`${LEFT.has(column) ? "l" : ""} col-${column}`}
                scope="col"
                aria-sort={sorting.column === column ? (sorting.down ? "descending" : "ascending") : undefined}
              >
                <button type="button" aria-label={words.sortBy(words.column(column))} onClick={() => sortBy(column)}>
                  {column === "star" ? <Icon name="star" /> : words.column(column)}
                  {sorting.column === column && <Icon name={sorting.down ? "down" : "up"} />}
                </button>
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {first > 0 && <tr class="gap" aria-hidden="true" style={{ height: `${first * ROW}px` }} />}
          {runs.slice(first, last).map((run, i) => {
            const row = first + i;
            const place = picked.indexOf(run.id);
            return (
              <tr
                key={run.id}
                data-row={row}
                aria-rowindex={row + 2}
                aria-selected={chosen.has(run.id)}
                tabIndex={row === Math.min(focus, runs.length - 1) ? 0 : -1}
                onFocus={() => setFocus(row)}
                onDblClick={() => props.onOpen(run)}
              >
                <td class="c">
                  <input type="checkbox" class="ll-check" tabIndex={-1} aria-label={words.pick(run.name)} checked={chosen.has(run.id)} onChange={() => toggle(run)} />
                </td>
                <td class="col-star">
                  <button type="button" class={run.star ? "rb-star on" : "rb-star"} aria-label={words.starRun(run.name)} aria-pressed={run.star} onClick={() => props.onStar(run)}>
                    <Icon name="star" />
                  </button>
                </td>
                {columns.map((column) => (
                  <td key={column} class={`${LEFT.has(column) ? "l" : ""} col-${column}`} title={column === "name" ? [run.name, run.note].filter(Boolean).join("\n") : undefined}>
                    {column === "name" && place >= 0 && place < 8 && <i class={`rb-key s${place + 1}`} />}
                    <Cell run={run} column={column} />
                  </td>
                ))}
              </tr>
            );
          })}
          {last < runs.length && <tr class="gap" aria-hidden="true" style={{ height: `${(runs.length - last) * ROW}px` }} />}
        </tbody>
      </table>
    </div>
  );
}

function Cell({ run, column }: { run: Run; column: string }) {
  const value = run.numbers[column] ?? NaN;
  switch (column) {
    case "state":
      return (
        <span class={`rb-state ${run.state}`}>
          <Mark run={run} />
          {words.state(run.state)}
        </span>
      );
    case "name":
      return (
        <>
          <span class="rb-name">{run.name}</span>
          {run.tags.map((tag) => (
            <span key={tag} class="ll-chip">
              {tag}
            </span>
          ))}
        </>
      );
    case "project":
    case "data":
      return (
        <span class="rb-clip" title={run[column]}>
          {run[column]}
        </span>
      );
    case "epoch":
      return <>{words.epochs(value, run.numbers.epochs ?? 0)}</>;
    case "lr":
      return <>{Number.isNaN(value) ? "–" : power(value)}</>;
    case "duration":
      return <>{seconds(value)}</>;
    case "created":
      return <>{when(value)}</>;
    default:
      return <>{SHARES.test(column) ? percent(value) : num(value, 4)}</>;
  }
}

function Mark({ run }: { run: Run }) {
  if (run.state === "running" || run.state === "starting") return <span class="ll-dot" />;
  if (run.state === "failed") return <Icon name="bad" class="ll-mark bad" />;
  if (run.state === "interrupted") return <Icon name="warn" class="ll-mark warn" />;
  if (run.state === "finished") return <Icon name="ok" class="ll-mark ok" />;
  return <Icon name={isLive(run) ? "pause" : "stop"} class="ll-mark" />;
}

function when(created: number): string {
  return words.ago(Date.now() / 1000 - created) || new Date(created * 1000).toISOString().slice(0, 10);
}
