// The palette: groups of layers that can be added by click, by dragging, and by typing a name.
import Sortable from "sortablejs";
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { Icon, type IconName } from "../lib/controls";
import { network_builder as words } from "../strings/en/network_builder";
import { useBuilder } from "./context";
import { matches } from "./model";

const OPEN = ["Convolution", "Pooling", "Linear", "Shape", "Activation", "Block"];
const SHORT = 4; // kinds of a group that are shown before "all"

export function PalettePane() {
  const { palette, order } = useBuilder();
  const [text, setText] = useState("");
  const [at, setAt] = useState(0);
  const [open, setOpen] = useState<ReadonlySet<string>>(new Set(OPEN));
  const [whole, setWhole] = useState<ReadonlySet<string>>(new Set());
  const found = useMemo(() => (palette && text.trim() ? matches(palette, text) : []), [palette, text]);
  const add = (kind: string) => void order({ do: "add", kind });
  const toggle = (set: ReadonlySet<string>, name: string) => {
    const next = new Set(set);
    if (!next.delete(name)) next.add(name);
    return next;
  };
  const keys = (event: KeyboardEvent) => {
    if (event.key === "Enter" && found[at]) add(found[at]);
    else if (event.key === "ArrowDown") setAt(Math.min(at + 1, found.length - 1));
    else if (event.key === "ArrowUp") setAt(Math.max(at - 1, 0));
    else if (event.key === "Escape") {
      setText("");
      (event.currentTarget as HTMLElement).closest<HTMLElement>(".ll-root")?.querySelector<HTMLElement>(".ll-nb-card[tabindex='0']")?.focus();
    } else return;
    event.preventDefault();
  };
  return (
    <aside class="ll-nb-palette" aria-label={words.palette}>
      <div class="ll-nb-find">
        <Icon name="search" />
        <input
          class="ll-input"
          type="search"
          placeholder={words.find}
          aria-label={words.find}
          value={text}
          onInput={(event) => {
            setText(event.currentTarget.value);
            setAt(0);
          }}
          onKeyDown={keys}
        />
        <span class="ll-kbd" aria-hidden="true">
          /
        </span>
      </div>
      {text.trim() ? (
        <Kinds kinds={found} add={add} marked={found[at]} empty={words.none(text)} />
      ) : (
        palette?.groups.map((group) => {
          const shown = open.has(group.name);
          const all = whole.has(group.name) || group.kinds.length <= SHORT + 1;
          const rest = group.kinds.length - SHORT;
          return (
            <div class="ll-nb-group" key={group.name}>
              <button type="button" aria-expanded={shown} onClick={() => setOpen(toggle(open, group.name))}>
                <Icon name={shown ? "down" : "right"} />
                {group.name}
                <span>{group.kinds.length}</span>
              </button>
              {shown && (
                <Kinds
                  kinds={all ? group.kinds : group.kinds.slice(0, SHORT)}
                  add={add}
                  empty={group.name === "Mine" ? words.mine : ""}
                />
              )}
              {shown && !all && (
                <button type="button" class="ll-nb-rest" onClick={() => setWhole(toggle(whole, group.name))}>
                  {words.more(rest, group.kinds.slice(SHORT, SHORT + 2).join(", "))}
                </button>
              )}
            </div>
          );
        })
      )}
    </aside>
  );
}

function Kinds(props: { kinds: readonly string[]; add: (kind: string) => void; marked?: string; empty: string }) {
  const { palette, group } = useBuilder();
  const list = useRef<HTMLUListElement>(null);
  useEffect(() => {
    if (!list.current) return undefined;
    const sortable = Sortable.create(list.current, {
      group: { name: group, pull: "clone", put: false },
      sort: false,
      forceFallback: true,
      fallbackOnBody: true,
      fallbackTolerance: 4,
      fallbackClass: "ll-nb-flying",
    });
    return () => sortable.destroy();
  }, [group, props.kinds.length > 0]);
  if (!props.kinds.length) return props.empty ? <p class="ll-nb-note">{props.empty}</p> : null;
  return (
    <ul ref={list} class="ll-nb-kinds">
      {props.kinds.map((kind) => (
        <li key={kind} data-kind={kind}>
          <button
            type="button"
            class={kind === props.marked ? "marked" : ""}
            aria-label={words.add(kind)}
            title={palette?.kinds[kind]?.summary}
            onClick={() => props.add(kind)}
          >
            <Icon name={(palette?.kinds[kind]?.glyph ?? "grid") as IconName} class="ll-nb-glyph" />
            <span>{kind}</span>
            <Icon name="plus" class="ll-nb-plus" />
          </button>
        </li>
      ))}
    </ul>
  );
}
