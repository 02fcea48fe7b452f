// Questions: what a fork changes, and what a person writes on a run.
import { useState } from "preact/hooks";
import { Button, Dialog, NumberField, Select, TextField } from "../lib/controls";
import { useOrder } from "../lib/widget";
import { monitor as words } from "../strings/en/training_monitor";
import type { RunData } from "./store";
import type { Fork } from "./use_fork";

interface Props {
  run: RunData;
  onClose: () => void;
}

export function ForkDialog({ run, fork, onClose }: Props & { fork: Fork }) {
  const [status, about] = [run.status!, run.about!];
  const lr = status.lr ?? about.settings["lr"] ?? 1e-3;
  const done = status.epoch >= status.epochs;
  const [from, setFrom] = useState<"last" | "best">("last");
  const [name, setName] = useState("");
  const [changes, setChanges] = useState({ lr, batch_size: status.batch_size || about.settings["batch_size"], epochs: done ? status.epochs * 2 : status.epochs });
  const start = () => {
    onClose();
    const was = { lr, batch_size: status.batch_size, epochs: status.epochs };
    const changed = Object.fromEntries(Object.entries(changes).filter(([key, value]) => value !== was[key as keyof typeof was]));
    fork({ at: from, name, changes: changed });
  };
  return (
    <Dialog title={words.forkTitle(about.name)} onClose={onClose} actions={<Button kind="primary" icon="fork" label={words.forkStart} onClick={start} />}>
      <p class="ll-soft">{words.forkDetail}</p>
      <div class="fields">
        <Select label={words.forkFrom} value={from} options={[{ value: "last", label: words.forkLast }, { value: "best", label: words.forkBest(status.best_epoch ? String(status.best_epoch) : "") }]} onChange={setFrom} />
        <TextField label={words.forkName} value={name} placeholder={`${about.name} (fork)`} onChange={setName} onInput={setName} />
        <NumberField label={words.lr} value={changes.lr} min={0} onChange={(value) => setChanges({ ...changes, lr: value })} />
        <NumberField label={words.batch} value={changes.batch_size} min={1} step={1} onChange={(value) => setChanges({ ...changes, batch_size: Math.round(value) })} />
        <NumberField label={words.epochsTotal} value={changes.epochs} min={1} step={1} onChange={(value) => setChanges({ ...changes, epochs: Math.round(value) })} />
      </div>
    </Dialog>
  );
}

export function NoteDialog({ run, onClose }: Props) {
  const order = useOrder();
  const about = run.about!;
  const [name, setName] = useState(about.name);
  const [tags, setTags] = useState(about.tags.join(", "));
  const [note, setNote] = useState(about.note);
  const save = () => {
    onClose();
    void order("describe", { name: name.trim() && name !== about.name ? name.trim() : null, note, tags: tags.split(",").map((tag) => tag.trim()).filter(Boolean) });
  };
  return (
    <Dialog title={words.noteTitle(about.name)} onClose={onClose} actions={<Button kind="primary" label={words.save} onClick={save} />}>
      <div class="fields">
        <TextField label={words.name} value={name} onChange={setName} onInput={setName} />
        <TextField label={words.tags} value={tags} onChange={setTags} onInput={setTags} />
        <label class="ll-field wide">
          <span class="ll-label">{words.noteText}</span>
          <textarea class="ll-input" rows={4} aria-label={words.noteText} value={note} onInput={(event) => setNote(event.currentTarget.value)} />
        </label>
      </div>
    </Dialog>
  );
}
