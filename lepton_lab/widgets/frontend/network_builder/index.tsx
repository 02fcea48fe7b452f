// The network builder. Synced: state (the kernel's), selection, folded, tab. Never synced: what is typed, open groups.
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import { Button, Menu, Segmented, Stat, Strip as Line } from "../lib/controls";
import { bytes, count, si } from "../lib/format";
import { share } from "../lib/memo";
import { useLink, useMessages, useOrder, useRoot, useTrait, useVisible, widget } from "../lib/widget";
import { network_builder as words } from "../strings/en/network_builder";
import { type Builder, Context } from "./context";
import { actionOf } from "./keys";
import { type Palette, selected, type State, visiblePaths } from "./model";
import css from "./network_builder.css";
import { PalettePane } from "./palette";
import { type Picture, readPicture } from "./preview";
import { Settings } from "./settings";
import { Stack } from "./stack";
import { CodeView, DiagramView, JsonView, TemplatesView } from "./views";

type Tab = "build" | "code" | "json" | "diagram" | "templates";
const TABS = ["build", "code", "json", "diagram"] as const;
const WRITING = "input:not([type=checkbox]):not([type=range]), textarea, select";

function App() {
  const [told] = useTrait<State>("state");
  const known = useRef(told);
  const state = useMemo(() => (known.current = share(known.current, told)), [told]);
  const [selection, setSelection] = useTrait<string[]>("selection");
  const [foldedList, setFolded] = useTrait<string[]>("folded");
  const [tab, setTab] = useTrait<Tab>("tab");
  const link = useLink();
  const give = useOrder();
  const root = useRoot();
  const visible = useVisible();
  const [palette, setPalette] = useState<Palette | null>(null);
  const [picture, setPicture] = useState<Picture | null>(null);
  const focus = useRef(false);
  const folded = useMemo(() => new Set(foldedList), [foldedList]);
  const order = useMemo(() => visiblePaths(state.layers, folded), [state.layers, folded]);

  useEffect(() => void link.call<Palette>("palette").then(({ result }) => setPalette(result), () => undefined), [state.kinds]);
  useMessages("preview", (content, buffers) => setPicture(readPicture(content, buffers)));
  useEffect(() => {
    if (visible && state.data) void link.call("preview").catch(() => undefined);
  }, [visible, !!state.data]);

  const newest = useRef({} as Builder["acts"] & { keys(event: KeyboardEvent): void; clip(event: ClipboardEvent): void });
  const builder: Builder = {
    state,
    palette,
    selection,
    folded,
    picture: state.data ? picture : null,
    group: `ll-nb-${link.view}`,
    edit: (edit) => link.call("edit", { edit, selection }).then(() => null, (failure) => failure),
    order: async (edit) => (await give("edit", { edit, selection })) !== null,
    select: setSelection,
    acts: useRef<Builder["acts"]>({ click: (path, event) => newest.current.click(path, event), fold: (path, closed) => newest.current.fold(path, closed) }).current,
    otherSample: () => void give("sample", { step: 1 }),
    focusSettings: () => root.querySelector<HTMLElement>(".ll-nb-settings input, .ll-nb-settings select")?.focus(),
  };

  const last = selection[selection.length - 1];
  // the card that has the keys may be drawn anew or go away: the keys then go to the card that is selected
  useLayoutEffect(() => {
    const active = document.activeElement;
    if (!focus.current || (active && active !== document.body && !root.contains(active))) return;
    if (active instanceof HTMLElement && active.matches(WRITING) && root.contains(active)) return;
    root.querySelector<HTMLElement>(last ? `.ll-nb-card[data-path="${CSS.escape(last)}"]` : ".ll-nb-card[tabindex='0']")?.focus();
  }, [state.version, last]);
  useEffect(() => {
    const moved = (event: Event) => {
      focus.current = (event.target as HTMLElement).matches(".ll-nb-card");
    };
    root.addEventListener("focusin", moved);
    return () => root.removeEventListener("focusin", moved);
  }, [root]);

  const layers = selection.filter((path) => !path.endsWith("/"));
  const keys = (event: KeyboardEvent) => {
    if (event.defaultPrevented) return;
    const on = event.target as HTMLElement;
    event.stopPropagation();
    const writing = on.matches(WRITING);
    const action = actionOf(event, writing);
    if (!action || tab !== "build") return;
    const card = on.closest(".ll-nb-card") !== null;
    if (action.is === "settings" && (!card || on.matches("button, a"))) return;
    if (!writing && !["search", "settings"].includes(action.is)) focus.current = true;
    const edit = (values: Record<string, unknown>) => void builder.order(values);
    if (action.is === "search") root.querySelector<HTMLElement>(".ll-nb-find input")?.focus();
    else if (action.is === "undo" || action.is === "redo") edit({ do: action.is });
    else if (action.is === "settings") builder.focusSettings();
    else if (action.is === "clear") {
      if (writing) root.querySelector<HTMLElement>(".ll-nb-card[tabindex='0']")?.focus();
      else setSelection([]);
    } else if (action.is === "all") setSelection(state.layers.map((found) => found.path));
    else if (action.is === "remove" && layers.length) edit({ do: "remove", paths: layers });
    else if (action.is === "duplicate" && layers.length) edit({ do: "duplicate", paths: layers });
    else if (action.is === "shift" && layers.length) edit({ do: "shift", paths: layers, to: action.to });
    else if (action.is === "go") {
      const at = last ? order.indexOf(last) : -1;
      const next = order[Math.min(order.length - 1, Math.max(0, at + action.by))];
      if (next) setSelection(action.extend && last ? [...new Set([...layers, next])] : [next]);
    } else if (!["remove", "duplicate", "shift"].includes(action.is)) return;
    event.preventDefault();
  };

  const copyText = useRef("");
  useEffect(() => {
    copyText.current = "";
    if (layers.length) void link.call<string>("copy", { paths: layers }).then(({ result }) => (copyText.current = result), () => undefined);
  }, [state.version, selection.join(" ")]);
  const clip = (event: ClipboardEvent) => {
    if ((event.target as HTMLElement).matches(WRITING) || tab !== "build") return;
    if (event.type === "paste") {
      const text = event.clipboardData?.getData("text/plain") ?? "";
      if (!text.trim()) return;
      focus.current = true;
      void builder.order({ do: "paste", text });
    } else {
      if (!copyText.current) return;
      event.clipboardData?.setData("text/plain", copyText.current);
      if (event.type === "cut") void builder.order({ do: "remove", paths: layers });
    }
    event.preventDefault();
    event.stopPropagation();
  };
  newest.current = {
    keys,
    clip,
    click: (path, event) => setSelection(selected(selection, path, order, { ctrl: event.ctrlKey || event.metaKey, shift: event.shiftKey })),
    fold: (path, closed) => setFolded(closed ? [...foldedList, path] : foldedList.filter((p) => p !== path)),
  };
  useEffect(() => {
    const onKey = (event: Event) => newest.current.keys(event as KeyboardEvent);
    const onClip = (event: Event) => newest.current.clip(event as ClipboardEvent);
    root.addEventListener("keydown", onKey);
    for (const name of ["copy", "cut", "paste"]) root.addEventListener(name, onClip);
    return () => {
      root.removeEventListener("keydown", onKey);
      for (const name of ["copy", "cut", "paste"]) root.removeEventListener(name, onClip);
    };
  }, [root]);

  return (
    <Context.Provider value={builder}>
      <section class="ll-frame ll-nb" aria-label={words.frame}>
        {state.problem && !state.problem.path && state.layers.length > 0 && (
          <Line
            kind="warn"
            title={state.problem.title}
            detail={state.problem.detail}
            actions={state.problem.fixes.map((fix) => (
              <Button key={fix.label} label={fix.label} onClick={() => void builder.order({ do: "fix", fix: fix.fix })} />
            ))}
          />
        )}
        {tab === "build" && state.notes.map((note) => <Line key={note} kind="info" title={note} />)}
        <div class={`ll-nb-body ${tab === "build" ? "" : "wide"}`}>
          {tab === "build" && <PalettePane />}
          <div class="ll-nb-stage">
            <Tools tab={tab} setTab={setTab} builder={builder} layers={layers} />
            {tab === "build" && <Stack />}
            {tab === "code" && <CodeView />}
            {tab === "json" && <JsonView />}
            {tab === "diagram" && <DiagramView />}
            {tab === "templates" && <TemplatesView done={() => setTab("build")} />}
          </div>
          {tab === "build" && <Settings copy={() => void navigator.clipboard?.writeText(copyText.current)} />}
        </div>
        <Foot state={state} go={(path) => setSelection([path])} train={() => void give("train")} />
      </section>
    </Context.Provider>
  );
}

function Tools(props: { tab: Tab; setTab: (tab: Tab) => void; builder: Builder; layers: string[] }) {
  const { tab, setTab, builder, layers } = props;
  const { state, order } = builder;
  return (
    <div class="ll-nb-tools">
      <Segmented
        small
        label={words.show}
        value={tab === "templates" ? ("" as Tab) : tab}
        options={TABS.map((value) => ({ value, label: words.tabs[value] }))}
        onChange={setTab}
      />
      <Button kind="quiet" label={words.tabs.templates} pressed={tab === "templates"} onClick={() => setTab(tab === "templates" ? "build" : "templates")} />
      <span class="ll-grow" />
      {layers.length ? (
        <Menu
          label={words.wrap}
          text={words.wrap}
          icon="block"
          items={Object.entries(words.wrapIn).map(([kind, label]) => ({ label, onClick: () => void order({ do: "wrap", paths: layers, kind }) }))}
        />
      ) : (
        <Button kind="quiet" icon="block" label={words.wrap} disabledReason={words.wrapWhy} onClick={() => undefined} />
      )}
      <Button kind="quiet" icon="undo" iconOnly label={words.undo} disabledReason={state.undo ? "" : words.undoWhy} onClick={() => void order({ do: "undo" })} />
      <Button kind="quiet" icon="redo" iconOnly label={words.redo} disabledReason={state.redo ? "" : words.redoWhy} onClick={() => void order({ do: "redo" })} />
    </div>
  );
}

function Foot({ state, go, train }: { state: State; go: (path: string) => void; train: () => void }) {
  const { total, problem } = state;
  const some = total.complete ? "" : words.soFar;
  return (
    <footer class="ll-nb-foot">
      <dl class="ll-stats">
        <Stat label={words.layers} value={count(total.layers)} />
        <Stat label={words.parameters} value={count(total.parameters)} unit={some} />
        <Stat label={words.total} value={si(total.multiply_adds)} unit={some || words.perSample} />
        <Stat label={words.memory} value={total.memory === null ? "–" : `≈ ${bytes(total.memory)}`} unit={total.memory === null ? "" : words.atBatch(count(total.batch_size))} />
      </dl>
      <span class="ll-grow" />
      {state.train && (
        <p class="ll-nb-reason">
          {problem?.path ? (
            <button type="button" class="ll-nb-link" onClick={() => go(problem.path)}>
              {state.train}
            </button>
          ) : (
            state.train
          )}
        </p>
      )}
      <Button kind="primary" icon="play" label={words.train} disabledReason={state.train} onClick={train} width={84} />
    </footer>
  );
}

export default widget(App, "network_builder", css);
