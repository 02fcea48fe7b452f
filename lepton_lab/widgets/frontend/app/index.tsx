// The app's frame: header, the page that the address names, what is wrong. Synced: address, state, refs.
import { useEffect, useRef, useState } from "preact/hooks";
import appCss from "../lib/app.css";
import { Button, Icon, Strip } from "../lib/controls";
import { Embedded } from "../lib/embedded";
import { useOrder, useTrait, widget } from "../lib/widget";
import { app as t } from "../strings/en/app";
import css from "./app.css";
import { Help, Views } from "./pages";
import { useConnection } from "./recovery";
import { fromHash, isStep, linkTo, type State, STEPS, titleOf, toHash } from "./state";
import { switchTheme } from "./theme";

const LATE_MS = 1000;

function Brand({ text }: { text: string }) {
  return (
    <a class="ll-brand" href={toHash("start")} aria-label={t.home}>
      <svg viewBox="0 0 22 22" fill="none" stroke="currentColor" stroke-width="1.75" aria-hidden="true">
        <path d="M2 17c5 0 5-12 9-12s4 8 9 8" />
        <circle cx="11" cy="5" r="2.4" fill="var(--ll-bg)" />
      </svg>
      <span>{text}</span>
    </a>
  );
}

function Mark({ kind }: { kind: string }) {
  if (!kind) return null;
  return (
    <>
      {kind === "live" ? <span class="ll-dot" /> : <Icon name={kind as "ok"} class={`ll-mark ${kind}`} />}
      <span class="ll-sr">{t.mark[kind]}</span>
    </>
  );
}

function Header({ state }: { state: State }) {
  const project = state.project;
  const bar = useRef<HTMLElement>(null);
  useEffect(() => {
    const here = bar.current?.querySelector<HTMLElement>("[aria-current]");
    if (here) here.parentElement!.scrollLeft = here.offsetLeft - here.parentElement!.offsetLeft - 24; // a phone shows a part
  }, [state.page]);
  return (
    <header class="ll-top" ref={bar}>
      <Brand text={project?.title ?? t.brand} />
      {!project && <span class="ll-grow" />}
      {project ? (
        <nav aria-label={t.steps} class="steps">
          {STEPS.map((step) => (
            <a key={step} href={linkTo(step, state)} aria-current={state.page === step ? "step" : undefined}>
              {t.step[step]} <Mark kind={project.marks[step]} />
            </a>
          ))}
        </nav>
      ) : (
        <nav aria-label={t.main}>
          {(["start", "work", "help"] as const).map((page) => (
            <a key={page} href={linkTo(page, state)} aria-current={state.page === page ? "page" : undefined} class={page}>
              {t.pages[page]}
            </a>
          ))}
        </nav>
      )}
      {project && <span class="ll-grow" />}
      {project && <span class="ll-saved">{t.saved}</span>}
      <Button kind="quiet" icon="theme" iconOnly label={t.theme} onClick={switchTheme} />
    </header>
  );
}

/**
 * Keeps the browser's address and the kernel's page the same; the browser's goes first when the page is loaded.
 * Whether the kernel has come to where the browser is: until then its page is not the one to show.
 */
function useAddress(): boolean {
  const order = useOrder();
  const [address] = useTrait<string>("address");
  const [went, setWent] = useState<string | null>(fromHash(location.hash) ? null : address);
  const [late, setLate] = useState(false); // it has gone on meanwhile: what it shows now is right
  const here = useRef(false);
  here.current ||= went === address || late;
  useEffect(() => {
    const go = () => {
      const wanted = fromHash(location.hash);
      if (wanted) void order("arrive", { address: wanted });
    };
    const wanted = fromHash(location.hash);
    let timer: ReturnType<typeof setTimeout> | undefined;
    if (wanted) {
      order("arrive", { address: wanted })
        .then(setWent, () => setLate(true))
        .finally(() => (timer = setTimeout(() => setLate(true), LATE_MS)));
    }
    addEventListener("popstate", go);
    return () => {
      clearTimeout(timer);
      removeEventListener("popstate", go);
    };
  }, [order]);
  useEffect(() => {
    if (!here.current || !address || fromHash(location.hash) === address) return;
    if (fromHash(location.hash)) history.pushState(null, "", toHash(address));
    else history.replaceState(null, "", toHash(address));
  }, [address, here.current]);
  return here.current;
}

function Page({ page, hidden, state }: { page: string; hidden: boolean; state: State }) {
  const order = useOrder();
  const [refs] = useTrait<Record<string, string[]>>("refs");
  const project = state.project?.id ?? "";
  const run = state.project?.run?.id ?? "";
  useEffect(() => {
    if (!hidden && page !== "help") void order("show", { page });
  }, [order, page, hidden, project, run, state.busy]);
  const mine = refs[page] ?? [];
  return (
    <div class="ll-page" data-page={page} hidden={hidden}>
      {page === "help" ? (
        <Help />
      ) : page === "data" || page === "inspect" || page === "evaluate" ? (
        <Views page={page} refs={mine} state={state} />
      ) : mine.length ? (
        <Embedded refs={mine} />
      ) : (
        <p class="ll-wide ll-wait" role="status">
          {t.loading}
        </p>
      )}
    </div>
  );
}

function App() {
  const [state] = useTrait<State>("state");
  const order = useOrder();
  const connection = useConnection();
  const here = useAddress();
  const [seen, setSeen] = useState<readonly string[]>([]);
  useEffect(() => {
    if (here) setSeen((before) => (before.includes(state.page) ? before : [...before, state.page]));
  }, [state.page, here]);
  const name = isStep(state.page) ? t.step[state.page] : "";
  useEffect(() => {
    document.title = titleOf(state, t.brand, name);
  }, [state, name]);
  useEffect(() => scrollTo(0, 0), [state.page]);
  const pages = !here || seen.includes(state.page) ? seen : [...seen, state.page];
  return (
    <div class="ll-app ll-app-frame">
      <Header state={state} />
      {connection !== "fine" && (
        <div class="ll-wide ll-note">
          {connection === "lost" ? (
            <Strip kind="warn" title={t.lost} detail={t.lostDetail} />
          ) : (
            <Strip kind="warn" title={t.gone} detail={t.goneDetail} />
          )}
        </div>
      )}
      {state.problem && (
        <div class="ll-wide ll-note">
          <Strip
            kind="danger"
            title={state.problem.title}
            detail={[state.problem.detail, state.problem.fix].filter(Boolean).join(" ")}
            onClose={() => void order("dismiss")}
          />
        </div>
      )}
      {!here && (
        <p class="ll-wide ll-wait" role="status">
          {t.loading}
        </p>
      )}
      {pages.map((page) => (
        <Page key={page} page={page} hidden={page !== state.page} state={state} />
      ))}
    </div>
  );
}

export default widget(App, "app", css, appCss);
