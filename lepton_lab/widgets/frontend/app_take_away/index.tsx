// The page 'Take away': one card a kind of file, made in the background and fetched over HTTP.
//
// Synced: view. Never synced: how far a file is (messages), what is said to screen readers.
import { useState } from "preact/hooks";
import appCss from "../lib/app.css";
import { Button, Empty, Icon, Progress, Strip } from "../lib/controls";
import { fileAddress } from "../lib/files";
import { bytes } from "../lib/format";
import { useMessages, useOrder, useTrait, widget } from "../lib/widget";
import { app_take_away as t } from "../strings/en/app_take_away";
import css from "./app_take_away.css";

type Kind = keyof typeof t.kinds;

interface Made {
  name: string;
  size: number;
  at: number;
  of: string;
  old: boolean;
  notes: string[];
}

interface View {
  project?: string;
  title?: string;
  said?: string;
  live?: boolean;
  queue?: Kind[];
  stopping?: Kind[];
  made?: Partial<Record<Kind, Made>>;
  problems?: Partial<Record<Kind, { title: string; detail: string; fix: string }>>;
  empty?: { title: string; detail: string; page: string };
}

const KINDS = Object.keys(t.kinds) as Kind[];

function App() {
  const order = useOrder();
  const [view] = useTrait<View>("view");
  const [shares, setShares] = useState<Partial<Record<Kind, number>>>({});
  const [said, setSaid] = useState("");
  useMessages("progress", ({ kind_of_file, share }) => setShares((old) => ({ ...old, [kind_of_file]: share })));

  const make = async (kind: Kind) => {
    setShares((old) => ({ ...old, [kind]: 0 }));
    setSaid(t.progress(t.kinds[kind].title));
    await order("ask", { kind });
    const found = (await order("make", { kind })) as { project: string; name: string } | null;
    if (!found) return setSaid("");
    setSaid(t.ready(t.kinds[kind].title));
    fetchFile(fileAddress(found.project, found.name), found.name);
  };

  if (view.empty) {
    const page = view.empty.page;
    return (
      <main class="ll-app ll-wide tw-page" aria-label={t.title}>
        <h1>{t.title}</h1>
        <div class="ll-box">
          <Empty
            title={view.empty.title}
            detail={view.empty.detail}
            action={<Button kind="primary" label={page === "train" ? t.toTrain : t.toStart} onClick={() => void order("go", { page })} />}
          />
        </div>
      </main>
    );
  }
  return (
    <main class="ll-app ll-wide tw-page" aria-label={t.title}>
      <header class="tw-head">
        <h1>{t.title}</h1>
        <p class="ll-lead">{view.said}</p>
      </header>
      <p class="ll-sr" role="status">
        {said}
      </p>
      <ul class="tw-grid">
        {KINDS.map((kind) => (
          <Card
            key={kind}
            kind={kind}
            view={view}
            share={shares[kind] ?? null}
            onMake={() => void make(kind)}
            onCancel={() => void order("cancel", { kind })}
          />
        ))}
      </ul>
      <p class="tw-foot">{t.where}</p>
    </main>
  );
}

interface CardProps {
  kind: Kind;
  view: View;
  share: number | null;
  onMake: () => void;
  onCancel: () => void;
}

function Card({ kind, view, share, onMake, onCancel }: CardProps) {
  const words: { title: string; who: string; what: string; note?: string } = t.kinds[kind];
  const made = view.made?.[kind];
  const problem = view.problems?.[kind];
  const place = view.queue?.indexOf(kind) ?? -1;
  const stopping = view.stopping?.includes(kind) ?? false;
  const fresh = made && !made.old;
  return (
    <li class={kind === "everything" ? "ll-box tw-card first" : "ll-box tw-card"} aria-label={words.title}>
      <div class="tw-words">
        <h2>
          {words.title} <small>{words.what}</small>
        </h2>
        <p>{words.who}</p>
        {words.note && <p class="tw-note">{words.note}</p>}
        {fresh && made.notes.map((note) => <p class="tw-note" key={note}>{note}</p>)}
        {made?.old && place < 0 && <p class="tw-note">{t.old(made.of)}</p>}
      </div>
      {problem && <Strip kind="warn" title={problem.title} detail={[problem.detail, problem.fix].filter(Boolean).join(" ")} />}
      <div class="tw-do">
        {stopping ? (
          <span class="ll-soft">{t.stopping}</span>
        ) : place >= 0 ? (
          <>
            {place === 0 ? <Progress label={t.progress(words.title)} share={share} /> : <span class="ll-soft">{t.waits}</span>}
            <Button label={t.cancelLabel(words.title)} icon="close" iconOnly onClick={onCancel} />
          </>
        ) : (
          <>
            {made && (
              <a
                class={fresh && kind === "everything" ? "ll-btn primary" : "ll-btn"}
                href={fileAddress(view.project ?? "", made.name)}
                download={made.name}
                aria-label={t.downloadLabel(words.title, made.name)}
                title={made.name}
              >
                <Icon name="download" /> {t.download}
              </a>
            )}
            {!fresh && (
              <button
                type="button"
                class={kind === "everything" ? "ll-btn primary" : "ll-btn"}
                aria-label={made ? t.againLabel(words.title) : t.makeLabel(words.title)}
                onClick={onMake}
              >
                {made ? t.again : t.make}
              </button>
            )}
            {made && <span class="tw-size">{bytes(made.size)}</span>}
          </>
        )}
      </div>
    </li>
  );
}

/** What a click on a link to a file does. */
function fetchFile(address: string, name: string): void {
  const link = document.createElement("a");
  link.href = address;
  link.download = name;
  link.hidden = true;
  document.body.append(link);
  link.click();
  link.remove();
}

export default widget(App, "app_take_away", css, appCss);
