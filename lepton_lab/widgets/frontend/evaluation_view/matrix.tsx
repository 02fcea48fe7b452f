// The confusion matrix: a table of buttons, of which the arrow keys choose one.
import { useRef, useState } from "preact/hooks";
import { Segmented } from "../lib/controls";
import { count } from "../lib/format";
import { evaluation_view as words } from "../strings/en/evaluation_view";

export type Cell = readonly [label: number, predicted: number];

interface MatrixProps {
  names: readonly string[];
  counts: Int32Array;
  chosen: Cell;
  onChoose: (cell: Cell) => void;
}

/** How strongly an error is tinted, in percent: the square root, so that rare ones are seen too. */
export function strength(n: number, most: number): number {
  return n <= 0 ? 0 : 10 + 45 * Math.sqrt(most > 1 ? (n - 1) / (most - 1) : 1);
}

const MOVES: Record<string, readonly [number, number]> = {
  ArrowUp: [-1, 0],
  ArrowDown: [1, 0],
  ArrowLeft: [0, -1],
  ArrowRight: [0, 1],
};

export function Matrix({ names, counts, chosen, onChoose }: MatrixProps) {
  const [shown, setShown] = useState<"count" | "share">("count");
  const body = useRef<HTMLTableSectionElement>(null);
  const n = names.length;
  const rows = names.map((_, i) => counts.subarray(i * n, (i + 1) * n));
  const totals = rows.map((row) => row.reduce((a, v) => a + v, 0));
  const most = Math.max(1, ...rows.map((row, i) => Math.max(0, ...row.filter((_, j) => j !== i))));
  const all = totals.reduce((a, v) => a + v, 0);
  const right = rows.reduce((a, row, i) => a + row[i]!, 0);
  const text = (v: number, i: number) => (shown === "count" ? count(v) : v ? ((100 * v) / Math.max(1, totals[i]!)).toFixed(1) : "0");

  const keys = (event: KeyboardEvent) => {
    const move = MOVES[event.key];
    const at = (event.target as HTMLElement).dataset.at?.split(",").map(Number);
    if (!move || !at) return;
    const to: Cell = [Math.min(n - 1, Math.max(0, at[0]! + move[0])), Math.min(n - 1, Math.max(0, at[1]! + move[1]))];
    body.current?.querySelector<HTMLElement>(`[data-at="${to[0]},${to[1]}"]`)?.focus();
    event.preventDefault();
    event.stopPropagation();
  };

  return (
    <section aria-label={words.confusion}>
      <div class="ll-row">
        <h2>{words.confusion}</h2>
        <span class="ll-soft ll-sm ev-opt">{words.errors(all - right)}</span>
        <span class="ll-grow" />
        <Segmented
          small
          label={words.cells}
          value={shown}
          options={[
            { value: "count", label: words.cellsCount },
            { value: "share", label: words.cellsShare },
          ]}
          onChange={setShown}
        />
      </div>
      <div class="ev-scroll">
        <table class={n > 14 ? "ev-cm small" : "ev-cm"} aria-label={words.matrixLabel} style={{ minWidth: `${Math.min(n * 30 + 100, 1000)}px` }}>
          <thead>
            <tr>
              <th class="l">{words.label}</th>
              <th colSpan={n}>{words.predicted}</th>
              <th class="rt">{words.total}</th>
            </tr>
            <tr>
              <td />
              {names.map((name) => (
                <th key={name} class="h" scope="col" title={name}>
                  {name}
                </th>
              ))}
              <td />
            </tr>
          </thead>
          <tbody ref={body} onKeyDown={keys}>
            {rows.map((row, i) => (
              <tr key={i}>
                <th class="h side" scope="row" title={names[i]}>
                  {names[i]}
                </th>
                {[...row].map((v, j) => {
                  const pressed = chosen[0] === i && chosen[1] === j;
                  return (
                    <td key={j} class={i === j ? "d" : v ? "" : "z"}>
                      <button
                        type="button"
                        data-at={`${i},${j}`}
                        style={{ "--v": i === j ? 0 : strength(v, most).toFixed(0) }}
                        aria-pressed={pressed}
                        tabIndex={pressed ? 0 : -1}
                        aria-label={words.cell(names[i]!, names[j]!, v)}
                        onClick={() => onChoose([i, j])}
                      >
                        {text(v, i)}
                      </button>
                    </td>
                  );
                })}
                <td class="t">{count(totals[i]!)}</td>
              </tr>
            ))}
            <tr class="tot">
              <th class="l">{words.total}</th>
              {names.map((name, j) => (
                <td key={name}>{count(rows.reduce((a, row) => a + row[j]!, 0))}</td>
              ))}
              <td class="t">{count(all)}</td>
            </tr>
          </tbody>
        </table>
      </div>
      <div class="ev-lg">
        <span class="dg" />
        <span>{words.right}</span>
        <span class="gap">{words.errorScale}</span>
        <span>1</span>
        <span class="sw">
          {[10, 22, 34, 46, 55].map((v) => (
            <i key={v} style={{ "--v": v }} />
          ))}
        </span>
        <span>{count(most)}</span>
        <span class="ll-grow" />
        <span class="ev-opt">{words.matrixKeys}</span>
      </div>
    </section>
  );
}

/** Instead of the matrix where there are too many classes: the cells with the most errors. */
export function Pairs(props: { names: readonly string[]; pairs: readonly [number, number, number][]; chosen: Cell; onChoose: (cell: Cell) => void }) {
  return (
    <section aria-label={words.pairs}>
      <div class="ll-row">
        <h2>{words.pairs}</h2>
        <span class="ll-soft ll-sm">{words.pairsDetail(props.names.length)}</span>
      </div>
      <ul class="ev-pairs">
        {props.pairs.map(([i, j, n]) => (
          <li key={`${i},${j}`}>
            <button
              type="button"
              aria-pressed={props.chosen[0] === i && props.chosen[1] === j}
              aria-label={words.cell(props.names[i]!, props.names[j]!, n)}
              onClick={() => props.onChoose([i, j])}
            >
              <span class="ll-grow">{words.cellTitle(props.names[i]!, props.names[j]!)}</span>
              <b>{count(n)}</b>
            </button>
          </li>
        ))}
      </ul>
    </section>
  );
}
