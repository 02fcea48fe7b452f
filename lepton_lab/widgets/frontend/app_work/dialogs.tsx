// What is asked before something goes for good, and the new name of a run.
import { useEffect, useState } from "preact/hooks";
import { Button, Dialog, Strip, TextField } from "../lib/controls";
import { useOrder } from "../lib/widget";
import { app_work as t } from "../strings/en/app_work";
import type { Project, Run } from "./rows";

interface Gone {
  runs: number;
  live: string[];
  exports: number;
  uploads: number;
  bytes: number;
}

export function DeleteProject({ project, onClose, onGone }: { project: Project; onClose: () => void; onGone: () => void }) {
  const order = useOrder();
  const [gone, setGone] = useState<Gone | null>(null);
  const [busy, setBusy] = useState(false);
  const live = project.run?.live ?? false;
  useEffect(() => {
    void order("gone_with", { project_id: project.id }).then((found) => (found ? setGone(found) : onClose()));
  }, [order, project.id, live]);
  const running = gone?.live[0] ?? "";
  const remove = async () => {
    setBusy(true);
    const before = project.title;
    await order("delete", { project_id: project.id });
    onClose();
    if (before) onGone();
  };
  const stop = async () => {
    setBusy(true);
    await order("stop", { project_id: project.id });
    setGone(await order("gone_with", { project_id: project.id }));
    setBusy(false);
  };
  return (
    <Dialog
      title={t.deleteTitle(project.title)}
      onClose={onClose}
      actions={
        running ? (
          <Button icon="stop" label={t.stop} disabledReason={busy ? t.state.stopping : ""} onClick={() => void stop()} />
        ) : (
          <Button kind="primary" icon="trash" label={t.deleteNow} disabledReason={busy || !gone ? t.looking : ""} onClick={() => void remove()} />
        )
      }
    >
      {!gone ? (
        <p role="status">{t.looking}</p>
      ) : running ? (
        <Strip kind="warn" title={t.isLive(running)} detail={t.isLiveDetail} />
      ) : (
        <>
          <p>{t.goes}</p>
          <ul class="ll-goes">
            <li>{t.goesRuns(gone.runs)}</li>
            {gone.exports > 0 && <li>{t.goesExports(gone.exports)}</li>}
            {gone.uploads > 0 && <li>{t.goesUploads}</li>}
          </ul>
          {gone.bytes > 0 && <p class="ll-soft">{t.goesSize(gone.bytes)}</p>}
        </>
      )}
    </Dialog>
  );
}

export function DeleteRun({ run, onClose }: { run: Run; onClose: () => void }) {
  const order = useOrder();
  return (
    <Dialog
      title={t.deleteRun(run.name)}
      onClose={onClose}
      actions={
        <Button
          kind="primary"
          icon="trash"
          label={t.deleteNow}
          onClick={() => {
            void order("delete_run", { run_id: run.id });
            onClose();
          }}
        />
      }
    >
      <p>{t.deleteRunDetail}</p>
    </Dialog>
  );
}

export function RenameRun({ run, onClose }: { run: Run; onClose: () => void }) {
  const order = useOrder();
  const [name, setName] = useState(run.name);
  const save = () => {
    if (name.trim() && name.trim() !== run.name) void order("rename_run", { run_id: run.id, name });
    onClose();
  };
  return (
    <Dialog title={t.renameRun(run.name)} onClose={onClose} actions={<Button kind="primary" label={t.save} onClick={save} />}>
      <TextField label={t.name} value={name} onChange={setName} onInput={setName} />
    </Dialog>
  );
}
