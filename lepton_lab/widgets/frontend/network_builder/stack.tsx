// The stack of cards, lists within lists.
import Sortable from "sortablejs";
import { useEffect, useRef } from "preact/hooks";
import { Button, Empty, Icon } from "../lib/controls";
import { count } from "../lib/format";
import { Pixels } from "../lib/pixels";
import { network_builder as words } from "../strings/en/network_builder";
import { CardView, Shape } from "./card";
import { useBuilder } from "./context";
import { type Card, type List, target } from "./model";

export function Stack() {
  const { state, palette, order } = useBuilder();
  return (
    <div class="ll-nb-scroll">
      <div class="ll-nb-cols ll-colhead">
        <span />
        <span />
        <span>{words.layer}</span>
        <span class="ll-nb-mid">{state.data ? words.sample : ""}</span>
        <span class="ll-right" title={words.outputTitle}>
          {words.output}
        </span>
        <span class="ll-right">
          {words.parameters} <span class="ll-nb-adds">{words.addsHead}</span>
        </span>
      </div>
      <div class="ll-nb-stack" role="group" aria-label={words.stack}>
        <InputCard />
        <Cards list={{ path: "", name: "", layers: state.layers }} />
        {!state.layers.length && (
          <Empty
            title={words.emptyTitle}
            detail={words.emptyDetail}
            action={
              <div class="ll-row ll-wrap">
                {palette?.templates
                  .filter((template) => ["lenet5", "mlp", "small_cnn"].includes(template.name))
                  .map((template) => (
                    <Button
                      key={template.name}
                      label={words.startFrom(template.name)}
                      onClick={() => void order({ do: "template", name: template.name })}
                    />
                  ))}
              </div>
            }
          />
        )}
      </div>
    </div>
  );
}

function InputCard() {
  const { state, picture, otherSample, select, selection } = useBuilder();
  const sample = picture?.sample;
  return (
    <article class={`ll-nb-input ${selection.length ? "" : "selected"}`} aria-label={words.input} onClick={() => select([])}>
      <div class="ll-nb-main">
        <span />
        <Icon name="io" class="ll-nb-glyph" />
        <div class="ll-nb-who">
          <div class="ll-nb-name">{words.input}</div>
          <div class="ll-nb-what">{state.data ? words.inputOf(state.data.name) : state.input.shape ? state.input.dtype : words.noInput}</div>
        </div>
        <div class="ll-nb-mid ll-row">
          {sample?.kind === "image" && (
            <Pixels
              data={sample.pixels}
              width={sample.width}
              height={sample.height}
              channels={sample.channels}
              size={32}
              ramp="grey"
              label={words.sampleIs(sample.label, count(sample.index))}
            />
          )}
          {sample && (
            <span class="ll-xs ll-soft">
              <span class="ll-nb-said">{words.sampleIs(sample.label, count(sample.index))}</span>
              <button
                type="button"
                class="ll-nb-link"
                onClick={(event) => {
                  event.stopPropagation();
                  otherSample();
                }}
              >
                {words.other}
              </button>
            </span>
          )}
        </div>
        <Shape sizes={state.input.shape} />
        <span />
      </div>
    </article>
  );
}

/** One list of cards, between which cards can be dragged. */
export function Cards({ list, label }: { list: List; label?: string }) {
  const { group, order, selection, select } = useBuilder();
  const element = useRef<HTMLOListElement>(null);
  const newest = useRef({ order, selection });
  newest.current = { order, selection };
  useEffect(() => {
    if (!element.current) return undefined;
    const sortable = Sortable.create(element.current, {
      group,
      handle: ".ll-nb-grip, .ll-nb-glyph",
      draggable: ".ll-nb-item",
      animation: matchMedia("(prefers-reduced-motion: reduce)").matches ? 0 : 120,
      forceFallback: true,
      fallbackOnBody: true,
      fallbackTolerance: 3,
      fallbackClass: "ll-nb-flying",
      swapThreshold: 0.6,
      invertSwap: true, // else a card flees from what shall be dropped into it
      onEnd: (event) => {
        const path = event.item.dataset.path;
        const [from, old, to, now] = [event.from, event.oldDraggableIndex, event.to, event.newDraggableIndex];
        if (path === undefined || old === undefined || now === undefined) return;
        // what was dragged goes back: the cards are drawn anew from what the kernel answers
        const items = [...from.querySelectorAll<HTMLElement>(":scope > .ll-nb-item")].filter((item) => item !== event.item);
        from.insertBefore(event.item, items[old] ?? null);
        const [source, goal] = [from.dataset.list ?? "", to.dataset.list ?? ""];
        if (source === goal && old === now) return;
        const chosen = newest.current.selection;
        const paths = chosen.includes(path) ? chosen : [path];
        void newest.current.order({ do: "move", paths, into: goal, index: target(source, goal, old, now) });
      },
      onAdd: (event) => {
        const kind = event.item.dataset.kind;
        if (!kind) return; // another list's card: that list's onEnd sees to it
        event.item.remove();
        const into = (event.to as HTMLElement).dataset.list ?? "";
        void newest.current.order({ do: "add", kind, into, index: event.newDraggableIndex ?? null });
      },
    });
    return () => sortable.destroy();
  }, [group]);
  const place = `${list.path}/`;
  return (
    <ol ref={element} class="ll-nb-list" data-list={list.path} aria-label={label}>
      {list.layers.map((card) => (
        <li class="ll-nb-item" key={card.path} data-path={card.path}>
          <CardView card={card} />
        </li>
      ))}
      {list.path !== "" && !list.layers.length && (
        <li class="ll-nb-hole" key=" hole">
          <button
            type="button"
            aria-pressed={selection.includes(place)}
            aria-label={words.choosePlace(list.path)}
            onClick={(event) => {
              event.stopPropagation();
              select([place]);
            }}
          >
            {list.name === "shortcut" ? words.emptyShortcut : list.name.startsWith("branch_") ? words.emptyBranch : words.emptyList}
          </button>
        </li>
      )}
    </ol>
  );
}

/** The lists inside a block: one below the other, or side by side. */
export function Inside({ card }: { card: Card }) {
  const { order } = useBuilder();
  const lists = card.lists ?? [];
  const branches = card.kind === "Parallel";
  return (
    <div class={`ll-nb-inside ${lists.length > 1 ? "side" : ""}`}>
      {lists.map((list) => {
        const number = list.name.replace("branch_", "");
        const name = branches ? words.branch(number) : (words.lists[list.name] ?? list.name);
        return (
          <section key={list.path} aria-label={`${card.name}, ${name}`}>
            {lists.length > 1 && (
              <header class="ll-colhead">
                {name}
                {branches && lists.length > 1 && (
                  <button
                    type="button"
                    class="ll-nb-x"
                    aria-label={words.removeBranch(number)}
                    title={words.removeBranch(number)}
                    onClick={(event) => {
                      event.stopPropagation();
                      void order({ do: "branch", path: card.path, remove: Number(number) });
                    }}
                  >
                    <Icon name="close" />
                  </button>
                )}
              </header>
            )}
            <Cards list={list} label={`${card.name}, ${name}`} />
          </section>
        );
      })}
      {branches && (
        <button
          type="button"
          class="ll-nb-branch"
          aria-label={words.addBranch}
          title={words.addBranch}
          onClick={(event) => {
            event.stopPropagation();
            void order({ do: "branch", path: card.path });
          }}
        >
          <Icon name="plus" />
        </button>
      )}
    </div>
  );
}

