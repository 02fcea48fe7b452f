// Samples by class with each class's share beside them, and the pictures, texts and rows that other parts draw too.
import { Button } from "../lib/controls";
import { count, percent } from "../lib/format";
import { Pixels } from "../lib/pixels";
import { data_explorer as t } from "../strings/en/data_explorer";
import { type Samples, type Shown, cut, extremes, scaleTop } from "./model";

export interface Pictured<T> {
  content: T;
  bytes: Uint8Array;
}

/** One sample in the form that suits it. */
export function Sample(props: { shown: Shown; bytes: Uint8Array; at: number; size: number; label?: string }) {
  const { shown, bytes, at, size, label } = props;
  if (shown.width && shown.height)
    return <Pixels data={cut(bytes, at, shown)} width={shown.width} height={shown.height} channels={shown.channels ?? 1} size={size} label={label} />;
  if (shown.texts) return <p class="ll-sm ll-de-text">{shown.texts[at]}</p>;
  return <span class="ll-sm">{shown.cells?.[at]?.join(", ")}</span>;
}

export function SampleGrid(props: { data: Pictured<Samples>; prepared: boolean; classes: number; onPick?: (row: number) => void; onPage: (first: number) => void; lit: string }) {
  const { content, bytes } = props.data;
  const pictured = !!content.width;
  const shares = !content.regression;
  const top = scaleTop(content.most, content.total, content.even);
  const least = extremes(content.groups)?.[0];
  let at = 0;
  return (
    <section class="ll-de-pad" aria-label={t.samples}>
      <div class={shares ? "ll-de-grid" : "ll-de-grid no-share"}>
        <div class="hd">{t.group(content.regression)}</div>
        <div class="hd">
          <span>{t.samplesHead(content.split, props.prepared, content.form)}</span>
        </div>
        {shares && (
          <div class="hd">
            <span>{t.shareHead(content.split)}</span>
            {content.even !== null && <span>{t.ifEven(percent(content.even, content.even < 0.1 ? 1 : 0))}</span>}
          </div>
        )}
        {content.groups.map((group, g) => {
          const from = at;
          at += group.rows.length;
          const share = group.count / Math.max(1, content.total);
          const on = props.lit ? group.name === props.lit : g === least && content.even !== null;
          return [
            <div class="cl" key={`n${g}`} data-class={group.name} title={group.name}>
              <span>{group.name}</span>
            </div>,
            pictured ? (
              <div class={group.rows.length < 9 ? "im few" : "im"} key={`i${g}`}>
                {group.rows.map((row, i) =>
                  props.onPick ? (
                    <button type="button" key={row} aria-label={t.preview(group.name, i + 1)} title={t.sample(group.name, i + 1)} onClick={() => props.onPick?.(row)}>
                      <Sample shown={content} bytes={bytes} at={from + i} size={34} />
                    </button>
                  ) : (
                    <span key={row}>
                      <Sample shown={content} bytes={bytes} at={from + i} size={34} label={t.sample(group.name, i + 1)} />
                    </span>
                  ),
                )}
                {!group.rows.length && <span class="ll-sm ll-soft">{t.none}</span>}
              </div>
            ) : (
              <div class="tx" key={`i${g}`}>
                <Listed shown={content} at={from} n={Math.min(group.rows.length, 6)} />
              </div>
            ),
            shares ? (
              <div class={on ? "bal on" : "bal"} key={`b${g}`} role="img" aria-label={t.balance(group.name, count(group.count), content.split, percent(share))}>
                <div class="tr">
                  <i style={{ width: `${(100 * share) / top}%` }} />
                  {content.even !== null && <u style={{ left: `${(100 * content.even) / top}%` }} />}
                </div>
                <span>{count(group.count)}</span>
                <span>{percent(share)}</span>
              </div>
            ) : null,
          ];
        })}
      </div>
      {props.classes > content.groups.length && shares && (
        <div class="ll-row ll-de-page">
          <Button kind="quiet" icon="left" label={t.earlier} iconOnly disabledReason={content.first ? "" : t.none} onClick={() => props.onPage(Math.max(0, content.first - 20))} />
          <span class="ll-sm ll-soft">{t.page(content.first + 1, content.first + content.groups.length, props.classes)}</span>
          <Button
            kind="quiet"
            icon="right"
            label={t.later}
            iconOnly
            disabledReason={content.first + content.groups.length < props.classes ? "" : t.none}
            onClick={() => props.onPage(content.first + 20)}
          />
        </div>
      )}
    </section>
  );
}

/** Texts one below the other, or rows as a small table. */
function Listed({ shown, at, n }: { shown: Shown; at: number; n: number }) {
  const places = [...Array(n).keys()].map((i) => at + i);
  if (shown.texts) {
    return (
      <ul class="ll-de-texts">
        {places.map((i) => (
          <li key={i} title={shown.texts![i]}>
            {shown.texts![i]}
          </li>
        ))}
      </ul>
    );
  }
  return <Rows columns={shown.columns ?? []} cells={places.map((i) => shown.cells?.[i] ?? [])} labels={[]} />;
}

export function Rows({ columns, cells, labels }: { columns: string[]; cells: string[][]; labels: string[] }) {
  const shown = columns.slice(0, 8);
  return (
    <div class="ll-de-rows" tabIndex={0} role="group" aria-label={t.rowsView}>
      <table>
        <thead>
          <tr>
            {shown.map((name) => (
              <th key={name}>{name}</th>
            ))}
            {columns.length > shown.length && <th>{t.more(String(columns.length - shown.length))}</th>}
            {labels.length > 0 && <th>{t.target}</th>}
          </tr>
        </thead>
        <tbody>
          {cells.map((row, i) => (
            <tr key={i}>
              {row.slice(0, 8).map((cell, j) => (
                <td key={j}>{cell}</td>
              ))}
              {columns.length > shown.length && <td>…</td>}
              {labels.length > 0 && <td>{labels[i]}</td>}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
