// A picture or a recording from a file: chosen, dropped or pasted.
import { useEffect, useRef, useState } from "preact/hooks";
import { Button, Switch } from "../lib/controls";
import { useTrait } from "../lib/widget";
import { tryIt as words } from "../strings/en/try_it";
import { shrunk } from "./picture";
import { Seen } from "./seen";
import type { PaneProps } from "./types";

export function Upload({ about, answer, put }: PaneProps) {
  const [file, setFile] = useState<File | null>(null);
  const [address, setAddress] = useState("");
  const [over, setOver] = useState(false);
  const [tidy, setTidy] = useTrait<boolean>("tidy");
  const input = useRef<HTMLInputElement>(null);
  const image = about.kind === "image";
  const cuts = image && !!about.hand?.cut;

  const ask = (chosen: File, cut: boolean) =>
    put(async () => {
      const content = image ? await shrunk(chosen) : new Uint8Array(await chosen.arrayBuffer());
      return { op: "ask_file", args: { name: chosen.name, tidy: cut }, buffers: [content] };
    });
  const take = (chosen: File | null | undefined) => {
    if (!chosen) return;
    setFile(chosen);
    ask(chosen, tidy);
  };
  useEffect(() => {
    if (!file || !image) return undefined;
    const made = URL.createObjectURL(file);
    setAddress(made);
    return () => URL.revokeObjectURL(made);
  }, [file]);
  useEffect(() => {
    const paste = (event: ClipboardEvent) => {
      const into = event.composedPath()[0] as HTMLElement | undefined;
      if (into?.matches?.("input, textarea, [contenteditable=true]")) return;
      const found = [...(event.clipboardData?.files ?? [])].find((one) => one.type.startsWith("image/"));
      if (!found) return;
      event.preventDefault();
      take(found);
    };
    document.addEventListener("paste", paste);
    return () => document.removeEventListener("paste", paste);
  });
  return (
    <>
      <div
        class={over ? "drop over" : "drop"}
        onDragOver={(event) => {
          event.preventDefault();
          setOver(true);
        }}
        onDragLeave={() => setOver(false)}
        onDrop={(event) => {
          event.preventDefault();
          event.stopPropagation();
          setOver(false);
          take(event.dataTransfer?.files[0]);
        }}
      >
        {file && image && address && <img src={address} alt={words.chosen(file.name)} onError={() => setAddress("")} />}
        {file && image && answer?.seen && <Seen {...answer.seen} size={about.shape} />}
        <p class="ll-sm ll-soft">{file ? file.name : image ? words.drop : words.dropSound}</p>
        <Button icon="upload" label={image ? words.choose : words.chooseSound} onClick={() => input.current?.click()} />
        <input
          ref={input}
          type="file"
          class="ll-sr"
          tabIndex={-1}
          aria-label={image ? words.choose : words.chooseSound}
          accept={image ? "image/*" : "audio/wav,.wav"}
          onChange={(event) => {
            take(event.currentTarget.files?.[0]);
            event.currentTarget.value = "";
          }}
        />
      </div>
      {cuts && <Tidy tidy={tidy} onChange={(on) => (setTidy(on), file && ask(file, on))} />}
    </>
  );
}

export function Tidy({ tidy, onChange }: { tidy: boolean; onChange: (on: boolean) => void }) {
  return (
    <label class="tidy ll-sm">
      <Switch label={words.tidy} checked={tidy} onChange={onChange} />
      <span>{words.tidy}</span>
    </label>
  );
}
