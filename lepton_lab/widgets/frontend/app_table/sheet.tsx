// The first rows like a spreadsheet: each column with what it holds, and its name as the button that predicts it.
import { useEffect, useRef } from "preact/hooks";
import { Button, Icon } from "../lib/controls";
import { count, percent } from "../lib/format";
import { app_table as t } from "../strings/en/app_table";
import { bars, type Column, type Look, type Preview, shares, type Shown, shownColumns } from "./model";

interface SheetProps {
  look: Look;
  preview: Preview;
  busy: boolean;
  onTarget: (name: string) => void;
  onUse: (name: string, on: boolean) => void;
  onRows: (first: number) => void;
  /** The column that was changed last: it is brought into sight. */
  lit: string;
}

export function Sheet({ look, preview, busy, onTarget, onUse, onRows, lit }: SheetProps) {
  const columns = shownColumns(look.columns);
  const place = new Map(look.columns.map((column, i) => [column.name, i]));
  const changed = new Set(preview.changed.map(([row, column]) => `${row} ${column}`));
  const last = preview.first + preview.numbers.length;
  const sheet = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const box = sheet.current;
    const head = lit ? box?.querySelector<HTMLElement>(`th[data-column="${CSS.escape(lit)}"]`) : null;
    if (!box || !head || head.classList.contains("y")) return;
    const [from, to] = [head.offsetLeft - 60, head.offsetLeft + 2 * head.offsetWidth];
    if (from < box.scrollLeft || to > box.scrollLeft + box.clientWidth) box.scrollLeft = from - (box.clientWidth - head.offsetWidth) / 3;
  }, [lit, look]);
  const step = Math.max(preview.numbers.length, 12);
  return (
    <div class="tb-preview" aria-busy={busy}>
      <div class="tb-sheet" ref={sheet} role="region" aria-label={t.preview} tabIndex={0}>
        <table>
          <thead>
            <tr>
              <th class="n">
                <span class="ll-sr">{t.row}</span>
              </th>
              {columns.map((shown) =>
                shown.added ? (
                  <th key={shown.name} class="added" scope="col">
                    <span class="nm" title={shown.name}>
                      {shown.name}
                    </span>
                    <span class="ty">{t.kind.mark}</span>
                  </th>
                ) : (
                  <Head key={shown.name} column={shown.column} busy={busy} onTarget={onTarget} onUse={onUse} />
                ),
              )}
            </tr>
          </thead>
          <tbody>
            {preview.cells.map((row, i) => (
              <tr key={preview.numbers[i]}>
                <th scope="row" class="n">
                  {count(preview.numbers[i]!)}
                </th>
                {columns.map((shown) => (
                  <Cell
                    key={shown.name}
                    shown={shown}
                    value={shown.added ? String(preview.marks[shown.column.name]?.[i] ?? "") : row[place.get(shown.name)!]!}
                    changed={!shown.added && changed.has(`${i} ${place.get(shown.name)}`)}
                  />
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <div class="tb-pager">
        <span class="ll-sm ll-soft">
          {t.previewHelp} {look.hidden > 0 && t.hidden(count(look.hidden))}
        </span>
        <span class="ll-grow" />
        <span class="ll-sm ll-soft ll-nowrap">{t.rowsShown(count(preview.first + 1), count(last), count(preview.total))}</span>
        <Button kind="quiet" icon="left" iconOnly label={t.earlier} disabledReason={preview.first > 0 ? "" : t.rowsShown("1", count(last), count(preview.total))} onClick={() => onRows(Math.max(0, preview.first - step))} />
        <Button kind="quiet" icon="right" iconOnly label={t.later} disabledReason={last < preview.total ? "" : t.rowsShown(count(preview.first + 1), count(last), count(preview.total))} onClick={() => onRows(last)} />
      </div>
    </div>
  );
}

const numeric = (column: Column) => column.kind === "number" || column.kind === "date" || column.kind === "id";

function Cell({ shown, value, changed }: { shown: Shown; value: string | null; changed: boolean }) {
  const { column, added } = shown;
  const classes = [added ? "added" : column.role === "target" ? "y" : column.role, numeric(column) || added ? "r" : "", changed ? "changed" : ""];
  if (value === null) {
    return (
      <td class={[...classes, "miss"].join(" ").trim()} title={column.fills && column.role === "feature" ? t.filled(column.fills) : undefined}>
        {t.missing}
      </td>
    );
  }
  return (
    <td class={classes.join(" ").trim()} title={value.length > 14 ? value : undefined}>
      {value}
    </td>
  );
}

function Head({ column, busy, onTarget, onUse }: { column: Column; busy: boolean } & Pick<SheetProps, "onTarget" | "onUse">) {
  const isTarget = column.role === "target";
  return (
    <th scope="col" class={isTarget ? "y" : column.role} data-column={column.name}>
      <button
        type="button"
        class="tb-name"
        aria-label={t.predict(column.name)}
        aria-pressed={isTarget}
        disabled={!!column.cannot || busy}
        title={column.cannot || column.name}
        onClick={() => onTarget(column.name)}
      >
        <span>{column.name}</span>
      </button>
      <span class="ty">
        {t.kind[column.kind] ?? column.kind}
        {isTarget && <b>{t.predicted}</b>}
      </span>
      <Spread column={column} />
      <span class={column.share > 0.3 ? "gaps many" : "gaps"}>
        {column.missing ? (
          <>
            {column.share > 0.3 && <Icon name="warn" class="ll-mark warn" />}
            {t.gaps(count(column.missing), percent(column.share, column.share < 0.1 ? 1 : 0))}
          </>
        ) : (
          t.noGaps
        )}
      </span>
      {isTarget ? (
        <span class="on" aria-hidden="true" />
      ) : (
        <label class="on">
          <input class="ll-check" type="checkbox" aria-label={t.use(column.name)} checked={column.role === "feature"} disabled={busy} onChange={(event) => onUse(column.name, event.currentTarget.checked)} />
          {t.used}
        </label>
      )}
    </th>
  );
}

const WIDTH = 96;
const HEIGHT = 22;

function Spread({ column }: { column: Column }) {
  if (column.histogram.length > 1) {
    return (
      <svg class="tb-hist" width={WIDTH} height={HEIGHT + 1} role="img" aria-label={t.histogram(column.name, column.low, column.high)}>
        <line x1="0" x2={WIDTH} y1={HEIGHT + 0.5} y2={HEIGHT + 0.5} />
        <path d={bars(column.histogram, WIDTH, HEIGHT)} />
      </svg>
    );
  }
  if (column.top.length && column.top[0]![1] > 0.02) {
    const words = column.top.map(([word, share]) => `${word} ${percent(share, 0)}`).join(", ");
    return (
      <span class="tb-cats" role="img" aria-label={t.frequent(column.name, words)} title={words}>
        {shares(column.top).map(({ word, share }) => (
          <i key={word} class={word ? "" : "rest"} style={{ width: `${100 * share}%` }}>
            {share > 0.14 ? word : ""}
          </i>
        ))}
      </span>
    );
  }
  return <span class="tb-cats none">{t.different(count(column.unique))}</span>;
}
