// One layer as a card: what it is, what the sample becomes in it, what comes out, what it costs, and what is wrong.
import { Button, Icon, type IconName } from "../lib/controls";
import { count, num, percent, si } from "../lib/format";
import { memo } from "../lib/memo";
import { PixelRow } from "../lib/pixels";
import { network_builder as words } from "../strings/en/network_builder";
import { type Builder, kindOf, useBuilder } from "./context";
import type { Card, Problem } from "./model";
import type { Maps } from "./preview";
import { Inside } from "./stack";

export function CardView({ card }: { card: Card }) {
  const { state, palette, selection, folded, picture, acts } = useBuilder();
  const first = selection.length ? selection[selection.length - 1] : state.layers[0]?.path;
  return (
    <Face
      card={card}
      problem={state.problem?.path === card.path ? state.problem : null}
      chosen={selection.includes(card.path)}
      tabbed={first === card.path}
      closed={!!card.lists && folded.has(card.path)}
      glyph={(kindOf(palette, card.kind)?.glyph ?? "grid") as IconName}
      maps={card.state === "ok" ? picture?.layers.get(card.path) : undefined}
      acts={acts}
    />
  );
}

interface FaceProps {
  card: Card;
  problem: Problem | null;
  chosen: boolean;
  tabbed: boolean;
  closed: boolean;
  glyph: IconName;
  maps: Maps | undefined;
  acts: Builder["acts"];
}

/** What is drawn of a card; an edit draws only those anew that it changed. */
const Face = memo(({ card, problem, chosen, tabbed, closed, glyph, maps, acts }: FaceProps) => {
  const block = !!card.lists;
  const parameters = card.parameters ?? card.expected?.parameters ?? null;
  const thin = !block && !problem && !parameters && card.kind !== "Opaque";
  const what = card.what.replace(/^(\w+?)\s/, "$1 ");
  const classes = ["ll-nb-card", thin ? "thin" : "", chosen ? "selected" : "", problem ? "fault" : card.state === "holds" ? "holds" : "", closed ? "closed" : ""];
  return (
    <article
      class={classes.filter(Boolean).join(" ")}
      data-path={card.path}
      tabIndex={tabbed ? 0 : -1}
      aria-label={`${card.name}, ${what}${problem ? `, ${words.needsFixing}` : card.state === "waits" ? `, ${words.waits(short(card.waits))}` : ""}`}
      aria-current={chosen ? "true" : undefined}
      onClick={(event) => {
        event.stopPropagation();
        acts.click(card.path, event);
      }}
    >
      <div class="ll-nb-main">
        <span class="ll-nb-grip" title={words.grip(card.name)}>
          <Icon name="drag" />
        </span>
        {block ? (
          <button
            type="button"
            class="ll-nb-fold"
            aria-expanded={!closed}
            aria-label={closed ? words.unfold(card.name) : words.fold(card.name)}
            onClick={(event) => {
              event.stopPropagation();
              acts.fold(card.path, !closed);
            }}
          >
            <Icon name={closed ? "right" : "down"} />
          </button>
        ) : (
          <Icon name={glyph} class="ll-nb-glyph" />
        )}
        <div class="ll-nb-who">
          <div class="ll-nb-name">
            {card.name}
            {card.state === "holds" && closed && <Icon name="bad" />}
            {thin && <span>{what}</span>}
          </div>
          {!thin && <div class="ll-nb-what">{what}</div>}
        </div>
        <div class="ll-nb-mid">
          {maps ? <Strip maps={maps} name={card.name} /> : card.state === "waits" && card.waits ? <span class="ll-xs ll-soft">{words.waits(short(card.waits))}</span> : null}
        </div>
        <Shape sizes={card.output ?? card.expected?.output ?? null} soft={!card.output} />
        <div class="ll-nb-cost">
          {parameters === null ? "" : parameters ? count(parameters) : <span class="ll-soft">0</span>}
          {!!card.multiply_adds && (
            <div class="ll-nb-adds" title={words.adds(count(card.multiply_adds))}>
              {si(card.multiply_adds)}
            </div>
          )}
          {!!parameters && !thin && <Share of={parameters} />}
        </div>
      </div>
      {problem && <Why problem={problem} />}
      {block && !closed && <Inside card={card} />}
    </article>
  );
});

const short = (path: string): string => path.slice(path.lastIndexOf("/") + 1);

function Share({ of }: { of: number }) {
  const all = useBuilder().state.total.share_of;
  const share = all ? Math.min(1, of / all) : 0;
  return (
    <div class="ll-bar" title={words.share(percent(share))}>
      <i style={{ width: `${Math.max(2, 100 * share)}%` }} />
    </div>
  );
}

export function Shape({ sizes, soft }: { sizes: number[] | null; soft?: boolean }) {
  return (
    <div class={`ll-nb-shape ${soft ? "ll-soft" : ""}`} data-shape={sizes?.join("x") ?? ""}>
      {sizes?.length ? sizes.join("\u2009×\u2009") : sizes ? "1" : ""}
    </div>
  );
}

const WIDE = 164;

/** What the sample is after a layer: some maps, a sequence, or a bar code of its values. */
export function Strip({ maps, name }: { maps: Maps; name: string }) {
  const what = words.range(maps.kind, maps.n, maps.of, num(maps.low, 2), num(maps.high, 2));
  const label = words.outputOf(name, what);
  const bars = maps.kind === "bars";
  return (
    <div class={`ll-nb-maps ${maps.kind === "maps" ? "" : "whole"}`} role="img" aria-label={label} title={what}>
      <PixelRow
        maps={bars ? maps.maps.slice(0, 1) : maps.maps}
        width={maps.width}
        height={bars ? 1 : maps.height}
        size={bars ? 12 : 18}
        wide={maps.kind === "maps" ? undefined : WIDE}
        gap={3}
      />
    </div>
  );
}

/** A sentence in which names between backticks are set as code. */
export const coded = (text: string) => text.split("`").map((part, i) => (i % 2 ? <code key={i}>{part}</code> : part));

function Why({ problem }: { problem: Problem }) {
  const { order } = useBuilder();
  return (
    <div class="ll-nb-why" role="alert">
      <Icon name="bad" />
      <p>
        <strong>{problem.title}</strong>
      </p>
      {problem.detail && <p>{coded(problem.detail)}</p>}
      <div class="ll-nb-acts">
        {problem.fixes.map((fix, i) => (
          <Button key={fix.label} kind={i === 0 ? "primary" : undefined} label={fix.label} onClick={() => void order({ do: "fix", fix: fix.fix })} />
        ))}
      </div>
    </div>
  );
}
