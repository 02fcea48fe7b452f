// The network as columns of pictures: what each neuron says of the plane, with weights as lines between them.
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { Button, Icon, Select } from "../lib/controls";
import { Pixels } from "../lib/pixels";
import { playground as words } from "../strings/en/playground";
import { links, type Portrait } from "./plane";

export interface Layer {
  units: number;
  activation: string;
}

export interface Limits {
  layers: number;
  units: number;
  activations: string[];
  optimizers: string[];
}

interface NetworkProps {
  layers: readonly Layer[];
  own: boolean;
  /** Said instead of the button for a further layer, where the layers cannot be edited. */
  fixed: string;
  names: readonly string[];
  limits: Limits;
  portrait: Portrait | null;
  arrays: readonly Uint8Array[];
  weights: readonly Float32Array[];
  onLayers: (layers: Layer[]) => void;
}

const SIZE = 36;
const INPUT = new Uint8Array(24 * 24).map((_, i) => Math.round(45 + ((i % 24) / 23) * 165));
const INPUT_2 = new Uint8Array(24 * 24).map((_, i) => Math.round(45 + (1 - Math.floor(i / 24) / 23) * 165));

export function Network(props: NetworkProps) {
  const { layers, limits, portrait, arrays, own, weights } = props;
  const change = (i: number, to: Partial<Layer>) => props.onLayers(layers.map((layer, k) => (k === i ? { ...layer, ...to } : layer)));
  const holder = useRef<HTMLDivElement>(null);
  const columns = portrait?.neurons ?? [];
  const full = layers.length >= limits.layers ? words.tooMany(limits.layers) : "";
  return (
    <section class="net" aria-label={words.network}>
      <div class="ll-row">
        <h2>{words.network}</h2>
        {own ? (
          <span class="ll-sm ll-soft">{props.fixed}</span>
        ) : (
          <Button kind="quiet" icon="plus" label={words.addLayer} disabledReason={full} onClick={() => props.onLayers([...layers, { units: 4, activation: layers[layers.length - 1]?.activation ?? "tanh" }])} />
        )}
      </div>
      <div class="graph" ref={holder}>
        <Links holder={holder} portrait={portrait} weights={weights} />
        <div class="col" data-col={0}>
          <div class="hd ll-xs ll-soft">{words.inputs}</div>
          {[INPUT, INPUT_2].map((data, i) => (
            <span class="node" data-node key={i} title={words.input(i + 1, props.names[i])}>
              <Pixels data={data} width={24} height={24} size={SIZE} ramp="gradient" label={words.input(i + 1, props.names[i])} />
            </span>
          ))}
        </div>
        {columns.map((column, c) => {
          const [shown, height, width] = column.shape;
          const layer = own ? null : layers[c];
          return (
            <div class="col" key={`${c} ${column.name}`} data-col={c + 1}>
              {layer ? <Head layer={layer} number={c + 1} limits={limits} onChange={(to) => change(c, to)} onRemove={() => props.onLayers(layers.filter((_, k) => k !== c))} /> : <div class="hd ll-xs ll-soft">{column.name}</div>}
              {Array.from({ length: shown }, (_, k) => {
                const label = words.neuron(column.name, k + 1, String(Number((column.largest[k] ?? 0).toPrecision(2))));
                const data = softened(arrays[c]?.subarray(k * height * width, (k + 1) * height * width) ?? new Uint8Array());
                return (
                  <span class="node" data-node key={k} title={label}>
                    <Pixels data={data} width={width} height={height} size={SIZE} ramp="gradient" label={label} />
                  </span>
                );
              })}
              {column.count > shown && <span class="ll-xs ll-soft">{words.further(column.count - shown)}</span>}
            </div>
          );
        })}
      </div>
      <p class="ll-xs ll-soft">{words.links}</p>
    </section>
  );
}

function Head(props: { layer: Layer; number: number; limits: Limits; onChange: (to: Partial<Layer>) => void; onRemove: () => void }) {
  const { layer, number, limits } = props;
  return (
    <div class="hd">
      <div class="count">
        <button type="button" aria-label={words.fewer(number)} title={words.fewer(number)} disabled={layer.units <= 1} onClick={() => props.onChange({ units: layer.units - 1 })}>
          −
        </button>
        <b aria-label={words.units(number)}>{layer.units}</b>
        <button type="button" aria-label={words.more(number)} title={words.more(number)} disabled={layer.units >= limits.units} onClick={() => props.onChange({ units: layer.units + 1 })}>
          +
        </button>
        <button type="button" class="rm" aria-label={words.remove(number)} title={words.remove(number)} onClick={props.onRemove}>
          <Icon name="close" />
        </button>
      </div>
      <Select
        hideLabel
        label={words.activation(number)}
        value={layer.activation}
        options={limits.activations.map((value) => ({ value, label: value === "none" ? words.none : value }))}
        onChange={(activation) => props.onChange({ activation })}
      />
    </div>
  );
}

/** Closer to the middle of the ramp: its ends are meant for alarms. */
function softened(data: Uint8Array): Uint8Array {
  return data.map((v) => 128 + (v - 128) * 0.65);
}

interface Line {
  d: string;
  width: number;
  positive: boolean;
}

/** Lines behind the columns, from what the nodes' places are. */
function Links({ holder, portrait, weights }: { holder: preact.RefObject<HTMLDivElement>; portrait: Portrait | null; weights: readonly Float32Array[] }) {
  const [lines, setLines] = useState<Line[]>([]);
  const [laid, setLaid] = useState(0);
  useEffect(() => {
    const observer = new ResizeObserver(() => setLaid((n) => n + 1));
    observer.observe(holder.current!);
    for (const column of holder.current!.querySelectorAll("[data-col]")) observer.observe(column);
    return () => observer.disconnect();
  }, [portrait?.neurons.length]);
  useLayoutEffect(() => {
    const el = holder.current;
    if (!el || !portrait) return;
    const base = el.getBoundingClientRect();
    const columns = [...el.querySelectorAll<HTMLElement>("[data-col]")].map((column) =>
      [...column.querySelectorAll<HTMLElement>("[data-node]")].map((node) => {
        const box = node.getBoundingClientRect();
        return { left: box.left - base.left + el.scrollLeft, right: box.right - base.left + el.scrollLeft, y: (box.top + box.bottom) / 2 - base.top };
      }),
    );
    const found: Line[] = [];
    portrait.weights.forEach(([rows, across], k) => {
      const [from, to] = [columns[k], columns[k + 1]];
      if (!from || !to || !weights[k]) return;
      for (const link of links(weights[k]!, rows, across)) {
        const [a, b] = [from[link.from], to[link.to]];
        if (!a || !b) continue;
        const half = (b.left - a.right) / 2;
        found.push({ d: `M${a.right} ${a.y}C${a.right + half} ${a.y} ${b.left - half} ${b.y} ${b.left} ${b.y}`, width: link.width, positive: link.positive });
      }
    });
    setLines(found);
  }, [portrait, weights, laid]);
  return (
    <svg class="links" width="1" height="1" aria-hidden="true">
      {lines.map((line, i) => (
        <path key={i} class={line.positive ? "pos" : "neg"} d={line.d} stroke-width={line.width} />
      ))}
    </svg>
  );
}

