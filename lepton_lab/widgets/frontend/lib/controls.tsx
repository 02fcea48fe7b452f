// Controls that every view uses. A disabled one says why; labels are what tests and screen readers go by.
import { type ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { common } from "../strings/en/common";
import { Icon, type IconName } from "./icons";
import { useId } from "./use_id";

export { Icon, type IconName } from "./icons";

interface ButtonProps {
  label: string;
  onClick: () => void;
  kind?: "primary" | "quiet";
  icon?: IconName;
  /** Only the icon is drawn; the label is for screen readers and the tooltip. */
  iconOnly?: boolean;
  /** Why it cannot be used now; empty where it can. */
  disabledReason?: string;
  pressed?: boolean;
  title?: string;
  width?: number;
}

export function Button({ label, onClick, kind, icon, iconOnly, disabledReason, pressed, title, width }: ButtonProps) {
  const why = useId();
  return (
    <>
      <button
        type="button"
        class={["ll-btn", kind ?? "", iconOnly ? "icon" : ""].join(" ").trim()}
        disabled={!!disabledReason}
        aria-label={label}
        aria-pressed={pressed}
        aria-describedby={disabledReason ? why : undefined}
        title={disabledReason || title || (iconOnly ? label : undefined)}
        style={width ? { width: `${width}px` } : undefined}
        onClick={onClick}
      >
        {icon && <Icon name={icon} />}
        {!iconOnly && label}
      </button>
      {disabledReason && (
        <span id={why} class="ll-sr">
          {disabledReason}
        </span>
      )}
    </>
  );
}

interface Option<T> {
  value: T;
  label: string;
  icon?: IconName;
}

/** A few choices side by side, of which one holds. */
export function Segmented<T extends string>(props: {
  label: string;
  value: T;
  options: readonly Option<T>[];
  onChange: (value: T) => void;
  small?: boolean;
}) {
  return (
    <div class={props.small ? "ll-seg small" : "ll-seg"} role="group" aria-label={props.label}>
      {props.options.map((option) => (
        <button
          type="button"
          key={option.value}
          aria-pressed={option.value === props.value}
          aria-label={`${props.label}: ${option.label}`}
          onClick={() => props.onChange(option.value)}
        >
          {option.label}
        </button>
      ))}
    </div>
  );
}

interface SliderProps {
  label: string;
  value: number;
  min: number;
  max: number;
  /** In the scale's own steps: of the exponent where `log`. */
  step?: number;
  log?: boolean;
  format?: (value: number) => string;
  onInput?: (value: number) => void;
  onChange?: (value: number) => void;
  disabledReason?: string;
  hideLabel?: boolean;
}

const SETTLES_MS = 3000;

/** A slider; `onInput` while it moves, `onChange` when it is let go. */
export function Slider(props: SliderProps) {
  const { log = false, format = String } = props;
  const to = (x: number) => (log ? Math.log10(Math.max(x, 1e-300)) : x);
  const from = (x: number) => (log ? 10 ** x : x);
  // what was chosen stays until it comes back: answers to earlier key presses must not move the slider under the hand
  const [held, setHeld] = useState<number | null>(null);
  const waiting = useRef<ReturnType<typeof setTimeout> | null>(null);
  const hold = (next: number, wait: boolean) => {
    if (waiting.current) clearTimeout(waiting.current);
    waiting.current = wait ? setTimeout(() => setHeld(null), SETTLES_MS) : null;
    setHeld(next);
  };
  useEffect(() => {
    if (held !== null && waiting.current && Math.abs(props.value - held) <= 1e-6 * Math.abs(held)) setHeld(null);
  }, [props.value, held]);
  useEffect(() => () => clearTimeout(waiting.current ?? undefined), []);
  const value = held ?? props.value;
  const [low, high] = [to(props.min), to(props.max)];
  const at = high > low ? (100 * (Math.min(high, Math.max(low, to(value))) - low)) / (high - low) : 0;
  return (
    <div class="ll-field">
      {!props.hideLabel && (
        <div class="ll-label">
          <span>{props.label}</span>
          <b>{format(value)}</b>
        </div>
      )}
      <input
        class="ll-range"
        type="range"
        aria-label={props.label}
        aria-valuetext={format(value)}
        title={props.disabledReason || undefined}
        disabled={!!props.disabledReason}
        min={low}
        max={high}
        step={props.step ?? (log ? 0.05 : "any")}
        value={to(value)}
        style={{ "--at": `${at}%` }}
        onInput={(event) => {
          const next = from(Number(event.currentTarget.value));
          hold(next, false);
          props.onInput?.(next);
        }}
        onChange={(event) => {
          const next = from(Number(event.currentTarget.value));
          hold(next, true);
          props.onChange?.(next);
        }}
      />
    </div>
  );
}

interface FieldProps {
  label: string;
  hideLabel?: boolean;
  disabledReason?: string;
  error?: string;
}

/** A text that is handed on when it is left or Enter is pressed; Escape takes the typing back. */
export function TextField(
  props: FieldProps & {
    value: string;
    onChange: (value: string) => void;
    onInput?: (value: string) => void;
    placeholder?: string;
    type?: "text" | "search" | "number";
    min?: number;
    max?: number;
    step?: number | "any";
  },
) {
  const [typed, setTyped] = useState<string | null>(null);
  const why = useId();
  const give = () => {
    if (typed !== null && typed !== props.value) props.onChange(typed);
    setTyped(null);
  };
  return (
    <div class="ll-field">
      {!props.hideLabel && <div class="ll-label">{props.label}</div>}
      <input
        class="ll-input"
        type={props.type ?? "text"}
        aria-label={props.label}
        aria-invalid={props.error ? "true" : undefined}
        aria-describedby={props.error ? why : undefined}
        disabled={!!props.disabledReason}
        title={props.disabledReason || undefined}
        placeholder={props.placeholder}
        min={props.min}
        max={props.max}
        step={props.step}
        value={typed ?? props.value}
        onInput={(event) => {
          setTyped(event.currentTarget.value);
          props.onInput?.(event.currentTarget.value);
        }}
        onBlur={give}
        onKeyDown={(event) => {
          if (event.key === "Enter") give();
          else if (event.key === "Escape") setTyped(null);
        }}
      />
      {props.error && (
        <span id={why} class="ll-why" role="alert">
          {props.error}
        </span>
      )}
    </div>
  );
}

/** A number within a range; what is no number is not handed on. */
export function NumberField(
  props: FieldProps & { value: number; min?: number; max?: number; step?: number | "any"; onChange: (value: number) => void },
) {
  const { value, onChange, ...rest } = props;
  return (
    <TextField
      {...rest}
      type="number"
      step={props.step ?? "any"}
      value={String(value)}
      onChange={(text) => {
        const number = Number(text);
        if (text.trim() === "" || !Number.isFinite(number)) return;
        onChange(Math.min(props.max ?? Infinity, Math.max(props.min ?? -Infinity, number)));
      }}
    />
  );
}

export function Select<T extends string>(
  props: FieldProps & { value: T; options: readonly { value: T; label: string }[]; onChange: (value: T) => void },
) {
  return (
    <div class="ll-field">
      {!props.hideLabel && <div class="ll-label">{props.label}</div>}
      <select
        class="ll-input"
        aria-label={props.label}
        disabled={!!props.disabledReason}
        title={props.disabledReason || undefined}
        value={props.value}
        onChange={(event) => props.onChange(event.currentTarget.value as T)}
      >
        {props.options.map((option) => (
          <option key={option.value} value={option.value}>
            {option.label}
          </option>
        ))}
      </select>
    </div>
  );
}

export function Switch(props: { label: string; checked: boolean; onChange: (on: boolean) => void; disabledReason?: string }) {
  return (
    <input
      type="checkbox"
      role="switch"
      class="ll-switch"
      aria-label={props.label}
      checked={props.checked}
      disabled={!!props.disabledReason}
      title={props.disabledReason || undefined}
      onChange={(event) => props.onChange(event.currentTarget.checked)}
    />
  );
}

interface Tab<T> {
  value: T;
  label: string;
  mark?: ComponentChildren;
  disabledReason?: string;
}

/** Tabs; the arrow keys go from one to the next. */
export function Tabs<T extends string>(props: { label: string; value: T; tabs: readonly Tab<T>[]; onChange: (value: T) => void }) {
  const usable = props.tabs.filter((tab) => !tab.disabledReason);
  const move = (event: KeyboardEvent) => {
    const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!by) return;
    const at = usable.findIndex((tab) => tab.value === props.value);
    const next = usable[(at + by + usable.length) % usable.length];
    if (!next) return;
    props.onChange(next.value);
    const list = event.currentTarget as HTMLElement;
    list.querySelector<HTMLElement>(`[data-tab="${next.value}"]`)?.focus();
    event.preventDefault();
  };
  return (
    <div class="ll-tabs" role="tablist" aria-label={props.label} onKeyDown={move}>
      {props.tabs.map((tab) => (
        <button
          type="button"
          key={tab.value}
          class="ll-tab"
          role="tab"
          data-tab={tab.value}
          aria-selected={tab.value === props.value}
          aria-label={tab.label}
          tabIndex={tab.value === props.value ? 0 : -1}
          disabled={!!tab.disabledReason}
          title={tab.disabledReason || undefined}
          onClick={() => props.onChange(tab.value)}
        >
          {tab.label}
          {tab.mark}
        </button>
      ))}
    </div>
  );
}

/** One calm line that says what happened, where, and what to do. */
export function Strip(props: {
  kind: "warn" | "danger" | "ok" | "info";
  title: ComponentChildren;
  detail?: ComponentChildren;
  actions?: ComponentChildren;
  onClose?: () => void;
}) {
  const icon = { warn: "warn", danger: "bad", ok: "ok", info: "help" } as const;
  return (
    <div class={`ll-strip ${props.kind}`} role={props.kind === "danger" ? "alert" : "status"}>
      <Icon name={icon[props.kind]} class="ll-mark" />
      <div class="ll-grow">
        <p>
          <strong>{props.title}</strong>
        </p>
        {props.detail && <p>{props.detail}</p>}
      </div>
      {props.actions}
      {props.onClose && <Button kind="quiet" icon="close" iconOnly label={common.close} onClick={props.onClose} />}
    </div>
  );
}

/** A read-out: its number keeps its place when it changes. */
export function Stat(props: { label: string; value: ComponentChildren; unit?: string; width?: number }) {
  return (
    <div class="ll-stat" style={props.width ? { minWidth: `${props.width}px` } : undefined}>
      <dt>{props.label}</dt>
      <dd>
        {props.value} {props.unit && <span>{props.unit}</span>}
      </dd>
    </div>
  );
}

export function Chip(props: { children: ComponentChildren; live?: boolean }) {
  return (
    <span class="ll-chip">
      {props.live && <span class="ll-dot" />}
      {props.children}
    </span>
  );
}

export function Progress(props: { label: string; share: number | null }) {
  const percent = Math.round(100 * Math.min(1, Math.max(0, props.share ?? 0)));
  return (
    <div
      class="ll-bar accent"
      role="progressbar"
      aria-label={props.label}
      aria-valuemin={0}
      aria-valuemax={100}
      aria-valuenow={props.share === null ? undefined : percent}
    >
      <i style={{ width: `${percent}%` }} />
    </div>
  );
}

/** What stands where nothing is yet: what it will be, and what to do next. */
export function Empty(props: { title: string; detail: string; action?: ComponentChildren }) {
  return (
    <div class="ll-empty">
      <h3>{props.title}</h3>
      <p>{props.detail}</p>
      {props.action}
    </div>
  );
}

interface MenuItem {
  label: string;
  icon?: IconName;
  disabledReason?: string;
  onClick: () => void;
}

/** A button that opens a list of orders. */
export function Menu(props: { label: string; items: readonly MenuItem[]; icon?: IconName; text?: string }) {
  const [open, setOpen] = useState(false);
  const root = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (!open) return undefined;
    root.current?.querySelector<HTMLElement>("li button:not([disabled])")?.focus();
    const away = (event: Event) => {
      if (!root.current?.contains(event.composedPath()[0] as Node)) setOpen(false);
    };
    document.addEventListener("pointerdown", away);
    return () => document.removeEventListener("pointerdown", away);
  }, [open]);
  const keys = (event: KeyboardEvent) => {
    const list = [...(root.current?.querySelectorAll<HTMLElement>("li button:not([disabled])") ?? [])];
    const at = list.indexOf(document.activeElement as HTMLElement);
    if (event.key === "Escape" && open) {
      setOpen(false);
      root.current?.querySelector<HTMLElement>("button")?.focus();
    } else if (open && (event.key === "ArrowDown" || event.key === "ArrowUp")) {
      list[(at + (event.key === "ArrowDown" ? 1 : -1) + list.length) % list.length]?.focus();
    } else return;
    event.preventDefault();
    event.stopPropagation();
  };
  return (
    <div class="ll-menu" ref={root} onKeyDown={keys}>
      <button
        type="button"
        class={props.text ? "ll-btn quiet" : "ll-btn quiet icon"}
        aria-label={props.label}
        aria-haspopup="menu"
        aria-expanded={open}
        title={props.text ? undefined : props.label}
        onClick={() => setOpen(!open)}
      >
        <Icon name={props.icon ?? "more"} />
        {props.text}
      </button>
      {open && (
        <ul role="menu" aria-label={props.label}>
          {props.items.map((item) => (
            <li key={item.label} role="none">
              <button
                type="button"
                role="menuitem"
                disabled={!!item.disabledReason}
                title={item.disabledReason || undefined}
                onClick={() => {
                  setOpen(false);
                  item.onClick();
                }}
              >
                {item.icon && <Icon name={item.icon} />}
                {item.label}
              </button>
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}

/** A question that waits for an answer; Escape closes it. */
export function Dialog(props: { title: string; onClose: () => void; children: ComponentChildren; actions: ComponentChildren }) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    dialog.current?.showModal();
    return () => dialog.current?.close();
  }, []);
  return (
    <dialog
      class="ll-dialog"
      ref={dialog}
      aria-label={props.title}
      onCancel={(event) => {
        event.preventDefault();
        props.onClose();
      }}
    >
      <h2>{props.title}</h2>
      {props.children}
      <footer>
        <Button kind="quiet" label={common.cancel} onClick={props.onClose} />
        {props.actions}
      </footer>
    </dialog>
  );
}
