// Bringing files: drop, choose, camera; and how far they are.
import { type ComponentChildren } from "preact";
import { useRef, useState } from "preact/hooks";
import { Button, Progress, Strip } from "../lib/controls";
import { chosenFiles, droppedFiles } from "../lib/dropped";
import type { Chosen } from "../lib/handoff";
import { app_images as t } from "../strings/en/app_images";

interface BringProps {
  onFiles: (files: Chosen[]) => void;
  onCamera: () => void;
}

export function Bring({ onFiles, onCamera }: BringProps) {
  const files = useRef<HTMLInputElement>(null);
  const folder = useRef<HTMLInputElement>(null);
  const [over, setOver] = useState(false);
  const [count, setCount] = useState(0);
  const [empty, setEmpty] = useState(false);
  const give = (found: Chosen[]) => {
    setCount(0);
    setEmpty(!found.length);
    if (found.length) onFiles(found);
  };
  const picked = (event: Event) => {
    const input = event.currentTarget as HTMLInputElement;
    const found = chosenFiles(Array.from(input.files ?? []));
    input.value = "";
    give(found);
  };
  return (
    <>
      {empty && <Strip kind="warn" title={t.nothing} detail={t.nothingDetail} onClose={() => setEmpty(false)} />}
      <div
        class={`im-drop ${over ? "over" : ""}`}
        role="group"
        aria-label={t.dropLabel}
        onDragOver={(event) => {
          event.preventDefault();
          setOver(true);
        }}
        onDragLeave={() => setOver(false)}
        onDrop={(event) => {
          event.preventDefault();
          setOver(false);
          if (event.dataTransfer) void droppedFiles(event.dataTransfer, setCount).then(give);
        }}
      >
        {count ? (
          <p role="status">{t.reading(count)}</p>
        ) : (
          <>
            <b>{t.drop}</b>
            <span class="ll-soft">{t.enough}</span>
            <div class="im-acts">
              <Button kind="primary" icon="folder" label={t.chooseFolder} onClick={() => folder.current?.click()} />
              <Button icon="upload" label={t.chooseImages} onClick={() => files.current?.click()} />
              <Button icon="camera" label={t.camera} onClick={onCamera} />
            </div>
          </>
        )}
      </div>
      <input ref={files} type="file" multiple hidden accept="image/*,.zip" aria-label={t.imagesInput} onChange={picked} />
      <input ref={folder} type="file" multiple hidden {...{ webkitdirectory: true }} aria-label={t.folderInput} onChange={picked} />
      <p class="ll-sm ll-soft">{t.limit}</p>
    </>
  );
}

/** Something that takes its time: what, how far, and how to end it. */
export function Waiting(props: { title: string; detail: ComponentChildren; share: number | null; onCancel: () => void }) {
  return (
    <div class="ll-box im-wait">
      <h2>{props.title}</h2>
      <Progress label={props.title} share={props.share} />
      <div class="ll-row">
        <p class="ll-grow ll-soft" role="status">
          {props.detail}
        </p>
        <Button label={t.cancel} onClick={props.onCancel} />
      </div>
    </div>
  );
}
