// A row for each layer: maps, states, units, attention, or the network's answer.
import { useMemo } from "preact/hooks";
import { Button } from "../lib/controls";
import { percent } from "../lib/format";
import { Pixels } from "../lib/pixels";
import { featureMapViewer as words } from "../strings/en/feature_map_viewer";
import { type LayerLook, pictures, type Scale, short, values } from "./sight";

interface RowProps {
  layer: LayerLook;
  codes: Uint8Array;
  scale: Scale;
  opened: boolean;
  unit: number;
  classes: readonly string[];
  onUnit: (layer: string, unit: number) => void;
  onOpen: (layer: string) => void;
}

export function LayerRow(props: RowProps) {
  const { layer } = props;
  if (layer.kind === "probabilities") return <Answer {...props} />;
  const count = layer.shape[0] ?? 0;
  return (
    <div class="maprow" data-layer={layer.name}>
      <div class="lb">
        <b title={layer.name}>{layer.name}</b>
        <div class="ll-xs ll-soft">
          {words.shape(layer.kind === "maps" || layer.kind === "attention" ? layer.shape.slice(1) : layer.shape)}
          {layer.averaged && `, ${words.averaged}`}
          <br />
          {layer.finite ? words.zero(percent(layer.zero, 0)) : <span class="bad">{words.notFinite}</span>}
          {props.scale === "layer" && layer.units.length > 0 && (
            <>
              <br />
              {words.range(short(Math.min(0, layer.low)), short(layer.high))}
            </>
          )}
        </div>
        {count > 8 && layer.units.length > 0 && (
          <Button
            kind="quiet"
            label={props.opened ? words.fewer : words.more(Math.min(count, 64))}
            onClick={() => props.onOpen(layer.name)}
          />
        )}
      </div>
      {layer.units.length > 0 ? <Maps {...props} /> : <Strip {...props} />}
    </div>
  );
}

function Maps({ layer, codes, scale, unit, opened, onUnit }: RowProps) {
  const drawn = useMemo(() => pictures(layer, codes, scale), [layer, codes, scale]);
  return (
    <div class={drawn.length > 8 ? "m all" : "m"} role="group" aria-label={words.maps(layer.name, drawn.length)}>
      {drawn.map((picture) => {
        const range = words.range(short(picture.low), short(picture.high));
        const label = words.unit(layer.name, picture.unit, range);
        return (
          <button
            type="button"
            key={picture.unit}
            class="map"
            aria-label={label}
            title={label}
            aria-pressed={unit === picture.unit && opened}
            onClick={() => onUnit(layer.name, picture.unit)}
          >
            <Pixels data={picture.data} width={layer.size[1]} height={layer.size[0]} size={54} />
            {scale === "map" && <span class="rg">{layer.kind === "attention" ? words.head(picture.unit + 1) : range}</span>}
          </button>
        );
      })}
    </div>
  );
}

function Strip({ layer, codes, opened, unit, onUnit }: RowProps) {
  const drawn = useMemo(() => pictures(layer, codes, "layer")[0]!, [layer, codes]);
  const states = layer.kind === "states";
  const [height, width] = states ? layer.size : cells(layer.size[1]);
  const data = useMemo(() => {
    const out = new Uint8Array(width * height);
    out.set(drawn.data.subarray(0, out.length));
    return out;
  }, [drawn, width, height]);
  const pick = (event: MouseEvent) => {
    if (layer.averaged) return;
    const box = (event.currentTarget as HTMLElement).getBoundingClientRect();
    const row = Math.floor(((event.clientY - box.top) / box.height) * height);
    const column = Math.floor(((event.clientX - box.left) / box.width) * width);
    const found = states ? row : row * width + column;
    if (found < (layer.shape[0] ?? 0)) onUnit(layer.name, found);
  };
  const keys = (event: KeyboardEvent) => {
    const by = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1, Enter: 0 }[event.key];
    if (by === undefined) return;
    const from = opened && unit >= 0 ? unit : by > 0 ? -1 : 0;
    onUnit(layer.name, Math.max(0, Math.min((layer.shape[0] ?? 1) - 1, from + by)));
    event.preventDefault();
    event.stopPropagation();
  };
  const label = states ? words.states(layer.name) : words.units(layer.name);
  const range = words.range(short(drawn.low), short(drawn.high));
  return (
    <div class="strip-wrap">
      <div class={states ? "states" : "cells"} tabIndex={0} role="group" aria-label={`${label}, ${range}`} title={`${label}, ${range}`} onClick={pick} onKeyDown={keys}>
        <Pixels data={data} width={width} height={height} size={states ? Math.min(96, Math.max(40, height * 4)) : height * 12} />
      </div>
      <span class="rg">{range}</span>
    </div>
  );
}

/** Rows and columns for a vector of units. */
export function cells(count: number): [number, number] {
  const width = Math.min(count, 32);
  return [Math.ceil(count / Math.max(1, width)), width];
}

function Answer({ layer, codes, classes }: RowProps) {
  const chances = values(layer, codes);
  const top = chances.indexOf(Math.max(...chances));
  const name = (i: number) => classes[i] ?? String(i);
  const order = chances.length <= 12 ? chances.map((_, i) => i) : [...chances.keys()].sort((a, b) => chances[b]! - chances[a]!).slice(0, 8);
  return (
    <div class="maprow" data-layer="output">
      <div class="lb">
        <b>{words.output}</b>
        <div class="ll-xs ll-soft">{words.probability}</div>
      </div>
      <div class="m answer" role="img" aria-label={words.probabilities(order.map((i) => words.chance(name(i), percent(chances[i]))).join(", "))}>
        {order.map((i) => (
          <div class="ob" key={i} title={words.chance(name(i), percent(chances[i]))}>
            <i style={{ height: `${Math.max(1, chances[i]! * 26)}px` }} class={i === top ? "top" : ""} />
            <span class={i === top ? "on" : ""}>{i === top ? words.chance(name(i), percent(chances[i], 0)) : name(i)}</span>
          </div>
        ))}
      </div>
    </div>
  );
}
