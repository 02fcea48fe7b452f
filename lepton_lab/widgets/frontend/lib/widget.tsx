// What every widget's front end begins with: `export default widget(App, css)`.
//
// Synced with Python: the traits that a view reads by `useTrait`. Never synced: everything else that a view keeps.

import { type ComponentType, createContext, render as draw } from "preact";
import { useCallback, useContext, useEffect, useRef, useState } from "preact/hooks";
import components from "./components.css";
import { Choices } from "./choices";
import { type Answer, type Failure, Link, type Model } from "./link";
import tokens from "./tokens.css";
import { Strip } from "./controls";
import { common } from "../strings/en/common";

/** Renders another widget of the kernel inside this one; `ref` is "anywidget:<model id>". */
export interface Host {
  getWidget(ref: string): Promise<{ render(options: { el: HTMLElement; signal?: AbortSignal }): Promise<void> }>;
}

interface Frame {
  model: Model;
  link: Link;
  choices: Choices;
  host: Host | undefined;
  el: HTMLElement;
  seen: Seen;
}

const Context = createContext<Frame | null>(null);

function useFrame(): Frame {
  const frame = useContext(Context);
  if (!frame) throw new Error("used outside of a widget");
  return frame;
}

export const useLink = (): Link => useFrame().link;
export const useHost = (): Host | undefined => useFrame().host;
export const useRoot = (): HTMLElement => useFrame().el;

/** A synced trait: its value, and a function that sets it here and, surely, in the kernel. */
export function useTrait<T>(name: string): [T, (value: T) => void] {
  const { model, choices } = useFrame();
  const [value, setValue] = useState<T>(() => choices.get(name) as T);
  useEffect(() => {
    const changed = () => setValue(() => choices.get(name) as T);
    model.on(`change:${name}`, changed);
    const off = choices.on((chosen) => chosen === name && changed());
    changed();
    return () => {
      model.off(`change:${name}`, changed);
      off();
    };
  }, [model, choices, name]);
  return [value, (next: T) => choices.set(name, next)];
}

/** Calls `heard` for every message of a kind, always with the newest closure. */
export function useMessages(kind: string, heard: (content: any, buffers: DataView[]) => void): void {
  const link = useLink();
  const newest = useRef(heard);
  newest.current = heard;
  useEffect(() => link.on(kind, (content, buffers) => newest.current(content, buffers)), [link, kind]);
}

/** Whether this view is on screen, in a tab that is in front. */
export function useVisible(): boolean {
  const { seen } = useFrame();
  const [visible, setVisible] = useState(seen.visible);
  useEffect(() => seen.on(setVisible), [seen]);
  return visible;
}

/** Tells the kernel how many milliseconds this view wants between two messages; the kernel goes by the quickest view. */
export function useApart(): (ms: number) => void {
  const { seen } = useFrame();
  return useCallback((ms) => seen.want(ms), [seen]);
}

/** Shows a failure in the widget's strip. */
export function useFail(): (failure: unknown) => void {
  const { el } = useFrame();
  return useCallback((failure) => void el.dispatchEvent(new CustomEvent("ll-failure", { detail: failure })), [el]);
}

export type Ask = (op: string, args?: Record<string, unknown>, buffers?: ArrayBufferView[]) => Promise<Answer | null>;

/** Runs an order whose answer has arrays; what goes wrong is shown in the widget's strip, and it resolves with null. */
export function useAsk(): Ask {
  const [link, fail] = [useLink(), useFail()];
  return useCallback(
    (op, args = {}, buffers = []) =>
      link.call(op, args, buffers).catch((failure: unknown) => {
        fail(failure);
        return null;
      }),
    [link, fail],
  );
}

/** The same for an order whose answer is plain data. */
export function useOrder(): (op: string, args?: Record<string, unknown>, buffers?: ArrayBufferView[]) => Promise<any> {
  const ask = useAsk();
  return useCallback(async (op, args, buffers) => (await ask(op, args, buffers))?.result ?? null, [ask]);
}

const BEAT_MS = 4000;
const AGAIN_MS = 300; // the first message of a widget reaches a busy main thread where its subshell is not there yet

/** Watches whether a view can be seen, and tells the kernel: a view that is not seen costs nothing. */
class Seen {
  visible = false;
  private onScreen = false;
  private listeners = new Set<(visible: boolean) => void>();
  private observer: IntersectionObserver;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private wait = AGAIN_MS;
  private apart = 0;
  private toldApart = 0;

  constructor(private link: Link, el: HTMLElement) {
    this.observer = new IntersectionObserver((entries) => {
      this.onScreen = entries[entries.length - 1]?.isIntersecting ?? false;
      this.look();
    });
    this.observer.observe(el);
    document.addEventListener("visibilitychange", this.look);
    link.on("beat", () => {
      this.wait = AGAIN_MS;
      clearTimeout(this.timer);
      this.timer = setTimeout(this.beat, BEAT_MS);
    });
  }

  on(heard: (visible: boolean) => void): () => void {
    this.listeners.add(heard);
    heard(this.visible);
    return () => this.listeners.delete(heard);
  }

  want(ms: number): void {
    this.apart = ms;
    const much = Math.max(ms, this.toldApart) > 2 * Math.min(ms, this.toldApart);
    if (much && this.visible && this.toldApart) this.beat(); // else it goes with the next beat
  }

  dispose(): void {
    this.observer.disconnect();
    document.removeEventListener("visibilitychange", this.look);
    this.visible = false;
    clearTimeout(this.timer);
    this.link.tell({ kind: "view", visible: false });
  }

  private look = (): void => {
    const visible = this.onScreen && document.visibilityState === "visible";
    if (visible === this.visible) return;
    this.visible = visible;
    if (visible) this.beat();
    else this.link.tell({ kind: "view", visible });
    for (const heard of this.listeners) heard(visible);
  };

  // the kernel forgets a view that it has not heard of for a while: a closed tab says no goodbye
  private beat = (): void => {
    clearTimeout(this.timer);
    if (!this.visible) return;
    this.toldApart = this.apart;
    this.link.tell({ kind: "view", visible: true, ...(this.apart ? { apart: this.apart / 1000 } : {}) });
    this.timer = setTimeout(this.beat, this.wait);
    this.wait = Math.min(2 * this.wait, BEAT_MS);
  };
}

/** Puts a style into the document once, whatever number of widgets uses it. */
function style(id: string, text: string, root: Document | ShadowRoot): void {
  if (root.querySelector(`style[data-ll="${id}"]`)) return;
  const element = document.createElement("style");
  element.dataset.ll = id;
  element.textContent = text;
  (root instanceof Document ? root.head : root).append(element);
}

function Shell({ App, frame }: { App: ComponentType; frame: Frame }) {
  const [failure, setFailure] = useState<Failure | null>(null);
  const [late, setLate] = useState(false);
  const [life, setLife] = useState(0);
  useEffect(() => {
    frame.link.afresh = () => setLife((n) => n + 1);
    const failed = (event: Event) => setFailure((event as CustomEvent<Failure>).detail);
    frame.el.addEventListener("ll-failure", failed);
    const off = [frame.link.onLate(setLate), frame.link.on("error", (content) => setFailure(content.error))];
    return () => {
      frame.el.removeEventListener("ll-failure", failed);
      for (const end of off) end();
    };
  }, [frame]);
  return (
    <Context.Provider value={frame}>
      {late && <Strip kind="warn" title={common.late} detail={common.lateDetail} />}
      {failure && (
        <Strip
          kind="danger"
          title={failure.title}
          detail={[failure.detail, failure.fix].filter(Boolean).join(" ")}
          onClose={() => setFailure(null)}
        />
      )}
      <App key={life} />
    </Context.Provider>
  );
}

/** The default export of a widget's module; `shared` is a style that several widgets bring, put in once and first. */
export function widget(App: ComponentType, name: string, css: string, shared = "") {
  return {
    render({ model, el, host }: { model: Model; el: HTMLElement; host?: Host }) {
      const found = el.getRootNode();
      const root = found instanceof ShadowRoot ? found : document;
      style("tokens", tokens, root);
      style("components", components, root);
      if (shared) style("shared", shared, root);
      style(name, css, root);
      el.classList.add("ll", "ll-root");
      el.dataset.llWidget = name;
      // keys pressed in a widget are the widget's: a notebook in command mode would delete cells
      el.dataset.lmSuppressShortcuts = "true";
      el.addEventListener("keydown", (event) => event.stopPropagation()); // else arrow keys would not move a slider
      const link = new Link(model);
      const seen = new Seen(link, el);
      const fail = (failure: unknown) => void el.dispatchEvent(new CustomEvent("ll-failure", { detail: failure }));
      const frame: Frame = { model, link, choices: new Choices(link, fail), host, el, seen };
      draw(<Shell App={App} frame={frame} />, el);
      return () => {
        draw(null, el);
        seen.dispose();
        link.dispose();
      };
    },
  };
}
