// A sample of the data, and many rows from a file.
import { useEffect, useRef, useState } from "preact/hooks";
import { SamplePicture } from "../feature_map_viewer/pinning";
import { Button, Select } from "../lib/controls";
import { download } from "../lib/download";
import { count, percent } from "../lib/format";
import type { Failure } from "../lib/link";
import { useAsk, useLink } from "../lib/widget";
import { tryIt as words } from "../strings/en/try_it";
import type { PaneProps } from "./types";

export function Example({ about, answer, put }: PaneProps) {
  const [label, setLabel] = useState("");
  const take = (wanted: string) => put(() => ({ op: "ask_example", args: { label: wanted } }));
  useEffect(() => take(label), [about]);
  return (
    <>
      {answer?.seen && (
        <div class="drop one" role="img" aria-label={words.exampleOf}>
          <SamplePicture shape={answer.seen.shape} data={answer.seen.data} size={176} />
        </div>
      )}
      {answer?.text !== undefined && <p class="quote">{answer.text}</p>}
      <div class="tools">
        {about.classes.length > 1 && (
          <Select
            label={words.className}
            hideLabel
            value={label}
            options={[{ value: "", label: `${words.className}: ${words.anyClass}` }, ...about.classes.map((value) => ({ value, label: value }))]}
            onChange={(value) => (setLabel(value), take(value))}
          />
        )}
        <Button icon="pin" label={words.another} onClick={() => take(label)} />
        <span class="ll-sm ll-soft">{about.held ? words.held : words.learnt}</span>
      </div>
    </>
  );
}

interface Rows {
  columns: string[];
  added: number;
  count: number;
  right: number | null;
  left_out: number;
  rows: string[][];
  name: string;
}

export function RowsPane({ onFail }: { onFail: (failure: Failure | null) => void }) {
  const link = useLink();
  const ask = useAsk();
  const [rows, setRows] = useState<Rows | null>(null);
  const [busy, setBusy] = useState(false);
  const [over, setOver] = useState(false);
  const input = useRef<HTMLInputElement>(null);
  const take = async (file: File | undefined) => {
    if (!file || busy) return;
    setBusy(true);
    onFail(null);
    try {
      setRows((await link.call("ask_rows", { name: file.name }, [new Uint8Array(await file.arrayBuffer())])).result);
    } catch (error) {
      setRows(null);
      onFail(error as Failure);
    }
    setBusy(false);
  };
  const save = async () => {
    const found = await ask("take_rows");
    if (found) download(found.result.name, "text/csv", found.buffers[0]!);
  };
  return (
    <>
      <div
        class={over ? "drop over" : "drop"}
        onDragOver={(event) => (event.preventDefault(), setOver(true))}
        onDragLeave={() => setOver(false)}
        onDrop={(event) => {
          event.preventDefault();
          event.stopPropagation();
          setOver(false);
          void take(event.dataTransfer?.files[0]);
        }}
      >
        <p class="ll-sm ll-soft">{busy ? words.answering : words.dropRows}</p>
        <Button icon="upload" label={words.chooseRows} disabledReason={busy ? words.answering : ""} onClick={() => input.current?.click()} />
        <input
          ref={input}
          type="file"
          class="ll-sr"
          tabIndex={-1}
          aria-label={words.chooseRows}
          accept=".csv,.tsv,.txt,.parquet,.pq"
          onChange={(event) => {
            void take(event.currentTarget.files?.[0]);
            event.currentTarget.value = "";
          }}
        />
      </div>
      {rows && (
        <>
          <div class="ll-row ll-wrap">
            <p class="ll-grow" role="status">
              <b>{words.rowsDone(count(rows.count), count(rows.rows.length))}</b>{" "}
              {rows.right !== null && words.rowsRight(count(rows.right), count(rows.count), percent(rows.right / rows.count))}
            </p>
            <Button icon="download" label={words.takeRows} onClick={() => void save()} />
          </div>
          <div class="sheet" tabIndex={0} role="region" aria-label={words.rowsOf(rows.name)}>
            <table class="ll-table">
              <thead>
                <tr>
                  {rows.columns.map((name, i) => (
                    <th key={name} scope="col" class={i < rows.added ? "new" : ""}>
                      {name}
                    </th>
                  ))}
                </tr>
              </thead>
              <tbody>
                {rows.rows.map((row, i) => (
                  <tr key={i}>
                    {row.map((cell, j) => (
                      <td key={j} class={j < rows.added ? "new" : ""}>
                        {cell}
                      </td>
                    ))}
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
          {rows.left_out > 0 && <p class="ll-xs ll-soft">{words.rowsLeftOut(rows.left_out)}</p>}
        </>
      )}
    </>
  );
}
