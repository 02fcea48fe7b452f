// The three doors: an example, images, a table.
import { type ComponentChildren } from "preact";
import { useRef, useState } from "preact/hooks";
import { Button, Icon } from "../lib/controls";
import { chosenFiles, droppedFiles } from "../lib/dropped";
import type { Chosen, Door, Handed } from "../lib/handoff";
import { app_start as t } from "../strings/en/app_start";
import { Digits, Fruit, Points } from "./thumbs";

export interface Example {
  name: string;
  title: string;
  detail: string;
  button: string;
  seconds: number | null;
  digits?: string[];
  points?: [number, number, number][];
}

export function ExampleDoor(props: { examples: readonly Example[]; loading: string; onStart: (name: string) => void }) {
  const [picked, setPicked] = useState(props.examples[0]?.name ?? "");
  const chosen = props.examples.find((one) => one.name === picked) ?? props.examples[0];
  const known = props.examples.every((one) => one.seconds !== null);
  return (
    <section class="ll-box st-door" aria-labelledby="st-example">
      <h2 id="st-example">{t.example}</h2>
      <p>{t.exampleLead}</p>
      <fieldset class="st-see st-examples">
        <legend class="ll-sr">{t.choose}</legend>
        {props.examples.map((one) => (
          <label key={one.name}>
            <input type="radio" name="st-example" aria-label={one.title} checked={one === chosen} onChange={() => setPicked(one.name)} />
            {one.digits ? <Digits digits={one.digits} /> : <Points points={one.points ?? []} />}
            <span>
              <b>{one.title}</b>
              <small>{one.detail}</small>
            </span>
            <span class="st-time">{one.seconds === null ? "" : t.seconds(one.seconds)}</span>
          </label>
        ))}
      </fieldset>
      <div class="st-acts">
        <Button
          kind="primary"
          label={props.loading ? t.loading : (chosen?.button ?? t.example)}
          disabledReason={props.loading ? t.loading : ""}
          onClick={() => chosen && props.onStart(chosen.name)}
        />
      </div>
      <p class="st-limit" role="status">
        {known ? t.known : t.measuring}
      </p>
    </section>
  );
}

interface BringProps {
  onGo: (door: Door, handed: Handed) => void;
}

/** A place to drop files on; `onFiles` gets what was dropped, with its folders. */
function Drop(props: { label: string; class: string; onFiles: (files: Chosen[]) => void; children: ComponentChildren }) {
  const [over, setOver] = useState(false);
  const [count, setCount] = useState(0);
  const drop = (event: DragEvent) => {
    event.preventDefault();
    setOver(false);
    if (!event.dataTransfer) return;
    void droppedFiles(event.dataTransfer, setCount).then((files) => {
      setCount(0);
      if (files.length) props.onFiles(files);
    });
  };
  return (
    <div
      class={`st-see st-drop ${props.class} ${over ? "over" : ""}`}
      role="group"
      aria-label={props.label}
      onDragOver={(event) => {
        event.preventDefault();
        setOver(true);
      }}
      onDragLeave={() => setOver(false)}
      onDrop={drop}
    >
      {count ? <p role="status">{t.reading(count)}</p> : props.children}
    </div>
  );
}

export function ImagesDoor({ onGo }: BringProps) {
  const files = useRef<HTMLInputElement>(null);
  const folder = useRef<HTMLInputElement>(null);
  const give = (chosen: Chosen[]) => chosen.length && onGo("images", { files: chosen });
  const picked = (event: Event) => {
    const input = event.currentTarget as HTMLInputElement;
    give(chosenFiles(Array.from(input.files ?? [])));
    input.value = ""; // else the same choice again would be no change
  };
  return (
    <section class="ll-box st-door" aria-labelledby="st-images">
      <h2 id="st-images">{t.images}</h2>
      <p>{t.imagesLead}</p>
      <Drop label={t.dropImagesLabel} class="" onFiles={give}>
        <div class="st-tree" aria-hidden="true">
          {t.classes.map((name, kind) => (
            <>
              <span>
                <Icon name="folder" />
                {name}
              </span>
              <Fruit kind={kind} />
            </>
          ))}
        </div>
        <b>{t.dropImages}</b>
        <span class="ll-sm ll-soft">{t.enough}</span>
      </Drop>
      <div class="st-acts">
        <Button icon="upload" label={t.chooseImages} onClick={() => files.current?.click()} />
        <Button icon="camera" label={t.camera} onClick={() => onGo("images", { mode: "camera" })} />
      </div>
      <input ref={files} type="file" multiple hidden accept="image/*,.zip" aria-label={t.imagesInput} onChange={picked} />
      <input ref={folder} type="file" multiple hidden {...{ webkitdirectory: true }} aria-label={t.folderInput} onChange={picked} />
      <p class="st-limit">
        {t.imagesLimit}{" "}
        <button type="button" class="st-link" onClick={() => folder.current?.click()}>
          {t.chooseFolder}
        </button>
      </p>
    </section>
  );
}

export function TableDoor({ onGo }: BringProps) {
  const file = useRef<HTMLInputElement>(null);
  return (
    <section class="ll-box st-door" aria-labelledby="st-table">
      <h2 id="st-table">{t.table}</h2>
      <p>{t.tableLead}</p>
      <Drop label={t.dropTable} class="st-sheet-drop" onFiles={(files) => onGo("table", { files })}>
        <table class="st-sheet" aria-hidden="true">
          <thead>
            <tr>
              {t.columns.map((name, i) => (
                <th key={name} class={i === 3 ? "target" : ""}>
                  {name}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {t.rows.map((row) => (
              <tr key={row[0]}>
                {row.map((cell, i) => (
                  <td key={i} class={i === 3 ? "target" : ""}>
                    {cell === t.missing ? <i>{cell}</i> : cell}
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
        <p>
          <b>{t.dropTable}</b>
          <br />
          <span class="ll-sm ll-soft">{t.gaps}</span>
        </p>
      </Drop>
      <div class="st-acts">
        <Button icon="upload" label={t.chooseTable} onClick={() => file.current?.click()} />
        <Button label={t.paste} onClick={() => onGo("table", { mode: "paste" })} />
      </div>
      <input
        ref={file}
        type="file"
        hidden
        accept=".csv,.tsv,.txt,.tab,.data,.dat,.parquet,.pq,.zip"
        aria-label={t.tableInput}
        onChange={(event) => {
          const files = chosenFiles(Array.from(event.currentTarget.files ?? []));
          event.currentTarget.value = "";
          if (files.length) onGo("table", { files });
        }}
      />
      <p class="st-limit">{t.tableLimit}</p>
    </section>
  );
}

