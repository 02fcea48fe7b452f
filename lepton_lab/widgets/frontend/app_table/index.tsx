// Synced with Python: `version` (another upload is to be shown) and `largest`. Every order answers with the page anew.
import { useEffect, useRef, useState } from "preact/hooks";
import appCss from "../lib/app.css";
import { Button, Select, Strip } from "../lib/controls";
import { asFailure } from "../lib/embedded";
import { uploadFiles } from "../lib/files";
import { bytes, count } from "../lib/format";
import { type Chosen, takeHanded } from "../lib/handoff";
import type { Failure } from "../lib/link";
import { useLink, useTrait, useVisible, widget } from "../lib/widget";
import { app_table as t } from "../strings/en/app_table";
import css from "./app_table.css";
import { Bring, type Sending, useDrop } from "./bring";
import { Findings } from "./findings";
import { type Action, type Page, type Preview, toSend } from "./model";
import { HowRead } from "./reading";
import { Sheet } from "./sheet";
import { Side } from "./side";

const MB = (size: number) => `${Math.round(size / 1e6)} MB`;

function App() {
  const link = useLink();
  const visible = useVisible();
  const [version] = useTrait<number>("version");
  const [largest] = useTrait<number>("largest");
  const [page, setPage] = useState<Page | null | undefined>(undefined);
  const [preview, setPreview] = useState<Preview | null>(null);
  const [busy, setBusy] = useState("");
  const [failed, setFailed] = useState<Failure | null>(null);
  const [sending, setSending] = useState<Sending | null>(null);
  const [paste, setPaste] = useState(false);
  const [reading, setReading] = useState(false);
  const [lit, setLit] = useState("");
  const asked = useRef(0);

  /** Gives an order whose answer is the page; only the last one counts. */
  const order = async (op: string, args: Record<string, unknown> = {}, says: string = t.working) => {
    const mine = ++asked.current;
    setBusy(says);
    setFailed(null);
    try {
      const { result } = await link.call<Page | null>(op, args);
      if (mine !== asked.current) return;
      setPage(result);
      setPreview(result?.look?.preview ?? null);
    } catch (error) {
      if (mine === asked.current) setFailed(asFailure(error));
    } finally {
      if (mine === asked.current) setBusy("");
    }
  };

  const bring = async (files: Chosen[]) => {
    const found = toSend(files, largest);
    if (!files.length) return;
    if ("none" in found) return setFailed({ title: t.noTable, detail: "", fix: t.noTableFix });
    if ("tooLarge" in found) {
      const { path, file } = found.tooLarge;
      return setFailed({ title: t.tooLarge(path, MB(file.size), MB(largest)), detail: "", fix: t.tooLargeFix });
    }
    const stop = new AbortController();
    const name = found.files[0]!.path;
    const show = (share: number) => setSending({ name, share, stop: () => stop.abort() });
    setFailed(null);
    show(0);
    try {
      const { upload } = await uploadFiles(found.files, { signal: stop.signal, onProgress: (done, total) => show(done / Math.max(total, 1)) });
      setSending(null);
      setPaste(false);
      setReading(false);
      await order("take", { upload }, t.reading);
    } catch (error) {
      setSending(null);
      if ((error as Error).name !== "AbortError") setFailed(asFailure(error));
    }
  };

  useEffect(() => {
    if (!visible && page !== undefined) return;
    const handed = takeHanded("table");
    if (handed?.mode === "paste") setPaste(true);
    if (handed?.files?.length) {
      setPage(null);
      void bring(handed.files);
    }
  }, [visible]);
  useEffect(() => {
    if (!sending) void order("look", {}, t.reading);
  }, [version]);

  const change = (what: string, column: string, value: unknown = null) => {
    setLit(column);
    return order("change", { do: what, column, value });
  };
  const act = (action: Action) => change(action.do, action.column, action.value);
  const rows = (first: number) => link.call<Preview>("rows", { first }).then(({ result }) => setPreview(result), (error) => setFailed(asFailure(error)));
  const use = async () => {
    setBusy(t.making);
    setFailed(null);
    try {
      await link.call("use");
    } catch (error) {
      setFailed(asFailure(error));
    } finally {
      setBusy("");
    }
  };
  const { over, ...drop } = useDrop((files) => void bring(files));

  const strip = failed && (
    <Strip kind="danger" title={failed.title} detail={[failed.detail, failed.fix].filter(Boolean).join(" ")} onClose={() => setFailed(null)} />
  );
  if (page === undefined && !sending) {
    return (
      <main class="ll-app ll-wide tb" aria-label={t.preview}>
        {strip}
        <p class="tb-waiting ll-soft" role="status">
          {busy}
        </p>
      </main>
    );
  }
  if (!page) {
    return (
      <main class="ll-app ll-wide tb tb-start">
        <h1>{t.title}</h1>
        <p class="ll-lead">{t.lead}</p>
        {strip}
        {busy && !sending ? (
          <p class="tb-waiting ll-soft" role="status">
            {busy}
          </p>
        ) : (
          <Bring largest={largest} paste={paste} sending={sending} onFiles={(files) => void bring(files)} onPaste={setPaste} />
        )}
      </main>
    );
  }
  const { look, problem } = page;
  const how = look ? look.reading : page.asked ? { ...page.asked, text: true, chosen: given(page.asked) } : null;
  const howRead = how?.text && <HowRead found={how} chosen={how.chosen} busy={busy} onChange={(what, column, value) => void change(what, column, value)} />;
  return (
    <main class={over ? "ll-app ll-wide tb over" : "ll-app ll-wide tb"} aria-busy={!!busy} {...drop}>
      <header class="tb-head">
        <div>
          <h1>{page.file || t.title}</h1>
          {look && (
            <p class="ll-soft">
              {t.size(count(look.rows), count(look.width))}, {bytes(look.bytes)}
              {look.reading.encoding && <>. {t.readAs(look.reading.encoding, t.mark(look.reading.delimiter))}</>}
            </p>
          )}
        </div>
        {page.files.length > 1 && (
          <Select label={t.which} value={page.file} options={page.files.map((name) => ({ value: name, label: name }))} onChange={(name) => void change("file", "", name)} disabledReason={busy} />
        )}
        {look && how?.text && (
          <button type="button" class="ll-btn" aria-expanded={reading} onClick={() => setReading(!reading)}>
            {t.how}
          </button>
        )}
        {look && <Button icon="upload" label={t.another} onClick={() => void order("another")} />}
      </header>
      {look && reading && howRead}
      {strip}
      {sending && <Bring largest={largest} paste={false} sending={sending} onFiles={() => undefined} onPaste={setPaste} />}
      <p class="ll-sr" role="status">
        {busy}
      </p>
      {problem && (
        <Strip
          kind="danger"
          title={problem.title}
          detail={[problem.detail, problem.fix].filter(Boolean).join(" ")}
          actions={
            <span class="tb-acts">
              {problem.actions.map((action) => (
                <Button key={action.label} kind="primary" label={action.label} disabledReason={busy} onClick={() => void act(action)} />
              ))}
              {page.undo > 0 && <Button icon="undo" label={t.undo} disabledReason={busy} onClick={() => void order("undo")} />}
            </span>
          }
        />
      )}
      {problem && howRead}
      {problem && !sending && (
        <div class="tb-start">
          <Bring largest={largest} paste={paste} sending={null} onFiles={(files) => void bring(files)} onPaste={setPaste} />
        </div>
      )}
      {look && (
        <div class="tb-body">
          <div class="tb-main">
            <Sheet
              look={look}
              preview={preview ?? look.preview}
              busy={!!busy}
              onTarget={(name) => void change("target", name)}
              onUse={(name, on) => void change(on ? "use" : "leave_out", name)}
              onRows={(first) => void rows(first)}
              lit={lit}
            />
            <Findings look={look} undo={page.undo} busy={!!busy} onAct={(action) => void act(action)} onAll={() => void order("clean_up")} onUndo={() => void order("undo")} />
          </div>
          <Side look={look} title={page.title} busy={busy} onChange={(what, column, value) => void change(what, column, value)} onUse={() => void use()} />
        </div>
      )}
    </main>
  );
}

const given = (asked: NonNullable<Page["asked"]>) => (Object.keys(asked) as (keyof typeof asked)[]).filter((name) => asked[name] !== null);

export default widget(App, "app_table", css, appCss);
