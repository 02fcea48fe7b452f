// The settings of what is selected: a layer's parameters, formula, filters and costs, or the network's own.
import { useEffect, useMemo, useState } from "preact/hooks";
import { Icon, Menu, TextField } from "../lib/controls";
import { u8 } from "../lib/floats";
import { bytes, count } from "../lib/format";
import { PixelRow } from "../lib/pixels";
import { useLink } from "../lib/widget";
import { network_builder as words } from "../strings/en/network_builder";
import { kindOf, useBuilder } from "./context";
import { Field } from "./field";
import { type Card, divided, findCard, outputSize } from "./model";
import { NetworkSettings } from "./network_settings";

export function Settings({ copy }: { copy: () => void }) {
  const { state, selection } = useBuilder();
  const last = selection[selection.length - 1];
  const card = last ? findCard(state.layers, last) : null;
  return card ? <LayerSettings key={card.path} card={card} copy={copy} /> : <NetworkSettings />;
}

function LayerSettings({ card, copy }: { card: Card; copy: () => void }) {
  const { palette, selection, order } = useBuilder();
  const [renaming, setRenaming] = useState(false);
  const [all, setAll] = useState(false);
  const kind = kindOf(palette, card.kind);
  const [front, back] = divided(kind?.parameters ?? [], card.values);
  const size = outputSize(card);
  const paths = selection.includes(card.path) ? selection : [card.path];
  return (
    <aside class="ll-nb-settings" aria-label={words.settings(card.name)}>
      <div class="ll-nb-part">
        <div class="ll-row">
          {renaming ? (
            <TextField
              label={words.name}
              hideLabel
              value={card.name}
              onChange={(name) => {
                setRenaming(false);
                void order({ do: "rename", path: card.path, name });
              }}
            />
          ) : (
            <h2 class="ll-nb-title" title={card.path}>
              {card.name}
            </h2>
          )}
          <span class="ll-soft ll-sm">{card.kind}</span>
          <span class="ll-grow" />
          <Menu
            label={words.moreFor(card.name)}
            items={[
              { label: words.rename, icon: "pen", onClick: () => setRenaming(true) },
              { label: words.duplicate, icon: "copy", onClick: () => void order({ do: "duplicate", paths }) },
              { label: words.copy, icon: "copy", onClick: copy },
              ...(card.lists ? [{ label: words.unwrap, icon: "block" as const, onClick: () => void order({ do: "unwrap", path: card.path }) }] : []),
              { label: words.remove, icon: "trash", onClick: () => void order({ do: "remove", paths }) },
            ]}
          />
        </div>
        {selection.length > 1 && <p class="ll-xs ll-soft">{words.selected(selection.length)}</p>}
        <p class="ll-sm ll-soft ll-nb-summary">{kind?.summary}</p>
        {front.map((parameter) => (
          <Field key={parameter.name} card={card} parameter={parameter} />
        ))}
        {back.length > 0 && (
          <button type="button" class="ll-nb-more" aria-expanded={all} onClick={() => setAll(!all)}>
            <Icon name={all ? "down" : "right"} />
            {all ? words.less : words.more(back.length, back.map((p) => p.name).join(", "))}
          </button>
        )}
        {all && back.map((parameter) => <Field key={parameter.name} card={card} parameter={parameter} />)}
      </div>
      <div>
        {kind?.formula && (
          <div class="ll-nb-part">
            <h3>{size ? words.outputSize : words.formula}</h3>
            <div class="ll-nb-eq" role="math" tabIndex={0} aria-label={size ? `${size.rule}: ${size.result}` : kind.formula}>
              {size ? (
                <>
                  {`${size.rule}\n`}
                  <b>{size.result}</b>
                  {` = ${size.numbers}`}
                </>
              ) : (
                kind.formula
              )}
            </div>
            {size && (
              <details class="ll-nb-formula">
                <summary>{words.formula}</summary>
                <div class="ll-nb-eq" tabIndex={0} role="math" aria-label={kind.formula}>
                  {kind.formula}
                </div>
              </details>
            )}
            {/^https?:/.test(kind.source) ? (
              <a class="ll-xs" href={kind.source} target="_blank" rel="noreferrer">
                {words.source}
              </a>
            ) : (
              kind.source && <p class="ll-xs ll-soft">{kind.source}</p>
            )}
          </div>
        )}
        <Filters card={card} />
        <div class="ll-nb-part">
          <h3>{words.costs}</h3>
          <dl class="ll-nb-kv">
            <dt>{words.parameters}</dt>
            <dd>{card.parameters === undefined ? "–" : count(card.parameters)}</dd>
            <dt>{words.multiplyAdds}</dt>
            <dd>{card.multiply_adds === undefined ? "–" : count(card.multiply_adds)}</dd>
            <dt>{words.activation}</dt>
            <dd>{card.activation_bytes === undefined ? "–" : bytes(card.activation_bytes)}</dd>
            {!!card.field?.length && (
              <>
                <dt>{words.field}</dt>
                <dd>{card.field.join(" × ")} px</dd>
              </>
            )}
          </dl>
        </div>
      </div>
    </aside>
  );
}

interface Drawn {
  n: number;
  of: number[];
  height: number;
  width: number;
  codes: Uint8Array;
}

function Filters({ card }: { card: Card }) {
  const { picture } = useBuilder();
  const link = useLink();
  const [drawn, setDrawn] = useState<Drawn | null>(null);
  const wanted = card.kind.includes("Conv") && picture ? picture.version : 0;
  useEffect(() => {
    if (!wanted) return setDrawn(null);
    let current = true;
    link.call("filters", { path: card.path }).then(
      ({ result, buffers }) => current && setDrawn(result && buffers[0] ? { ...result, codes: u8(buffers[0]) } : null),
      () => current && setDrawn(null),
    );
    return () => {
      current = false;
    };
  }, [wanted, card.path]);
  const filters = useMemo(() => {
    const size = drawn ? drawn.height * drawn.width : 0;
    return Array.from({ length: drawn?.n ?? 0 }, (_, i) => [drawn!.codes.subarray(i * size, (i + 1) * size)]);
  }, [drawn]);
  if (!drawn) return null;
  return (
    <div class="ll-nb-part">
      <h3>{words.filters}</h3>
      <p class="ll-xs ll-soft">{words.filtersOf(drawn.n, drawn.of.join(" × "))}</p>
      <div class="ll-nb-filters" role="img" aria-label={words.filtersLabel}>
        {filters.map((filter, i) => (
          <PixelRow key={i} maps={filter} width={drawn.width} height={drawn.height} size={32} />
        ))}
      </div>
    </div>
  );
}
