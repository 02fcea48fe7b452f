// Questions before something is changed: a name, tags, a note, what a fork changes, and whether to delete.
import { useState } from "preact/hooks";
import { Button, Dialog, Segmented, TextField } from "../lib/controls";
import { run_browser as words } from "../strings/en/run_browser";
import type { Run } from "./runs";

export type Asking = "rename" | "tags" | "note" | "fork" | "delete";

interface Props {
  asking: Asking;
  runs: readonly Run[];
  onClose: () => void;
  onDo: (op: string, args: Record<string, unknown>) => void;
}

export function Question({ asking, runs, onClose, onDo }: Props) {
  const run = runs[0];
  if (!run) return null;
  const give = (op: string, args: Record<string, unknown>) => {
    onDo(op, args);
    onClose();
  };
  if (asking === "delete") {
    const names = runs.slice(0, 5).map((one) => one.name).join(", ");
    const text = runs.length > 5 ? words.andMore(names, runs.length - 5) : names;
    return (
      <Dialog
        title={words.deleteTitle(runs.length)}
        onClose={onClose}
        actions={<Button kind="primary" icon="trash" label={words.deleteGo} onClick={() => give("delete", { ids: runs.map((one) => one.id) })} />}
      >
        <p class="rb-ask">{words.deleteDetail(text)}</p>
      </Dialog>
    );
  }
  if (asking === "fork") return <Fork run={run} onClose={onClose} give={give} />;
  return <Text key={asking} asking={asking} run={run} onClose={onClose} give={give} />;
}

type Give = (op: string, args: Record<string, unknown>) => void;

function Text({ asking, run, onClose, give }: { asking: "rename" | "tags" | "note"; run: Run; onClose: () => void; give: Give }) {
  const start = { rename: run.name, tags: run.tags.join(", "), note: run.note }[asking];
  const title = { rename: words.renameTitle, tags: words.tagsTitle, note: words.noteTitle }[asking](run.name);
  const label = { rename: words.renameField, tags: words.tagsField, note: words.noteField }[asking];
  const [text, setText] = useState(start);
  const save = (value: string) => {
    if (asking === "rename") give("rename", { run_id: run.id, name: value });
    else if (asking === "tags") give("tag", { run_id: run.id, tags: value.split(",") });
    else give("note", { run_id: run.id, text: value });
  };
  return (
    <Dialog title={title} onClose={onClose} actions={<Button kind="primary" label={words.save} onClick={() => save(text)} />}>
      <div class="rb-ask">
        <label class="ll-field">
          <span class="ll-label">{label}</span>
          <input
            class="ll-input"
            aria-label={label}
            value={text}
            onInput={(event) => setText(event.currentTarget.value)}
            onKeyDown={(event) => {
              if (event.key !== "Enter") return;
              event.preventDefault(); // else the same key presses the button that gets the focus back, and asks again
              save(event.currentTarget.value);
            }}
          />
        </label>
      </div>
    </Dialog>
  );
}

function Fork({ run, onClose, give }: { run: Run; onClose: () => void; give: Give }) {
  const [name, setName] = useState(`${run.name} (fork)`);
  const [at, setAt] = useState<"last" | "best">("last");
  const [lr, setLr] = useState("");
  const [epochs, setEpochs] = useState(String((run.numbers.epochs || 0) * 2 || ""));
  const go = () => {
    const changes: Record<string, number> = {};
    if (Number(lr) > 0) changes.lr = Number(lr);
    if (Number(epochs) > 0) changes.epochs = Number(epochs);
    give("fork", { run_id: run.id, at, name, changes });
  };
  const now = run.numbers.lr;
  return (
    <Dialog title={words.forkTitle(run.name)} onClose={onClose} actions={<Button kind="primary" icon="fork" label={words.forkGo} onClick={go} />}>
      <p class="ll-soft ll-sm">{words.forkDetail}</p>
      <div class="rb-ask rb-fork">
        <TextField label={words.forkName} value={name} onInput={setName} onChange={setName} />
        <Segmented
          label={words.forkAt}
          value={at}
          options={[
            { value: "last", label: words.forkLast },
            { value: "best", label: words.forkBest },
          ]}
          onChange={setAt}
        />
        <TextField label={words.forkLr} type="number" step="any" min={0} placeholder={now && !Number.isNaN(now) ? String(now) : ""} value={lr} onInput={setLr} onChange={setLr} />
        <TextField label={words.forkEpochs} type="number" step={1} min={1} value={epochs} onInput={setEpochs} onChange={setEpochs} />
      </div>
    </Dialog>
  );
}
