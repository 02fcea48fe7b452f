// The ways to bring a table: drop it, choose it, paste its cells.
import { useEffect, useRef, useState } from "preact/hooks";
import { Button, Progress } from "../lib/controls";
import { chosenFiles, droppedFiles } from "../lib/dropped";
import type { Chosen } from "../lib/handoff";
import { app_table as t } from "../strings/en/app_table";
import { hasCells } from "./model";

export interface Sending {
  name: string;
  share: number;
  stop(): void;
}

interface BringProps {
  largest: number;
  paste: boolean;
  sending: Sending | null;
  onFiles: (files: Chosen[]) => void;
  onPaste: (open: boolean) => void;
}

/** Accepts files that are dropped anywhere on it. */
export function useDrop(onFiles: (files: Chosen[]) => void) {
  const [over, setOver] = useState(false);
  return {
    over,
    onDragOver: (event: DragEvent) => {
      event.preventDefault();
      setOver(true);
    },
    onDragLeave: () => setOver(false),
    onDrop: (event: DragEvent) => {
      event.preventDefault();
      setOver(false);
      if (event.dataTransfer) void droppedFiles(event.dataTransfer).then((files) => files.length && onFiles(files));
    },
  };
}

export function Bring({ largest, paste, sending, onFiles, onPaste }: BringProps) {
  const file = useRef<HTMLInputElement>(null);
  const { over, ...drop } = useDrop(onFiles);
  if (sending) {
    return (
      <section class="ll-box tb-sending" aria-label={t.sending(sending.name)}>
        <p role="status">{t.sending(sending.name)}</p>
        <Progress label={t.sending(sending.name)} share={sending.share} />
        <Button label={t.cancel} onClick={sending.stop} />
      </section>
    );
  }
  if (paste) return <Paste onFiles={onFiles} onClose={() => onPaste(false)} />;
  return (
    <section class="ll-box tb-bring" aria-label={t.title}>
      <div class={over ? "tb-drop over" : "tb-drop"} role="group" aria-label={t.dropLabel} {...drop}>
        <table class="tb-mock" aria-hidden="true">
          <thead>
            <tr>
              {t.columns.map((name, i) => (
                <th key={name} class={i === 3 ? "y" : ""}>
                  {name}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {t.cells.map((row, i) => (
              <tr key={i}>
                {row.map((cell, j) => (
                  <td key={j} class={j === 3 ? "y" : ""}>
                    {cell ?? <i>{t.missing}</i>}
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
        <p>
          <b>{t.drop}</b>
          <span class="ll-soft">{t.dropDetail}</span>
        </p>
      </div>
      <div class="tb-acts">
        <Button kind="primary" icon="upload" label={t.choose} onClick={() => file.current?.click()} />
        <Button label={t.paste} onClick={() => onPaste(true)} />
      </div>
      <input
        ref={file}
        type="file"
        hidden
        aria-label={t.input}
        onChange={(event) => {
          const input = event.currentTarget;
          onFiles(chosenFiles(Array.from(input.files ?? [])));
          input.value = ""; // else the same file again would be no change
        }}
      />
      <p class="ll-sm ll-soft">
        {t.limit(largest)} {t.private}
      </p>
    </section>
  );
}

function Paste({ onFiles, onClose }: { onFiles: (files: Chosen[]) => void; onClose: () => void }) {
  const [text, setText] = useState("");
  const area = useRef<HTMLTextAreaElement>(null);
  useEffect(() => area.current?.focus(), []);
  return (
    <section class="ll-box tb-bring" aria-labelledby="tb-paste">
      <h2 id="tb-paste">{t.pasteTitle}</h2>
      <p class="ll-soft">{t.pasteHelp}</p>
      <textarea
        ref={area}
        class="ll-input tb-paste"
        aria-label={t.pasteLabel}
        spellcheck={false}
        rows={10}
        value={text}
        onInput={(event) => setText(event.currentTarget.value)}
      />
      <div class="tb-acts">
        <Button
          kind="primary"
          label={t.pasteUse}
          disabledReason={hasCells(text) ? "" : t.pasteNothing}
          onClick={() => onFiles([{ path: t.pasteName, file: new Blob([text], { type: "text/csv" }) }])}
        />
        <Button label={t.cancel} onClick={onClose} />
      </div>
    </section>
  );
}
