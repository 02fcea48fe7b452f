// Samples as people can look at them, and what the network said of them.
import { useEffect, useState } from "preact/hooks";
import { Button, Empty, Select } from "../lib/controls";
import { num, percent } from "../lib/format";
import { Pixels } from "../lib/pixels";
import { evaluation_view as words } from "../strings/en/evaluation_view";
import type { Ask } from "../lib/widget";
import { extent } from "./axes";
import type { Cell } from "./matrix";
import { readSamples, type Sample } from "./model";

const FIRST = 12;
const STEP = 24;

/** The sample itself: a picture, the beginning of a text, some columns of a row, or a line. */
export function Look({ sample, size, label = "" }: { sample: Sample; size: number; label?: string }) {
  if (sample.kind === "picture" && sample.pixels) {
    const { pixels, width = 1, height = 1, channels = 1 } = sample;
    const fit = Math.min(size, (2 * size * height) / Math.max(1, width)); // wide spectrograms
    return <Pixels data={pixels} width={width} height={height} channels={channels} size={fit} label={label} />;
  }
  if (sample.kind === "text") return <p class={size > 60 ? "ev-text large" : "ev-text"}>{sample.text}</p>;
  if (sample.kind === "row") {
    const shown = (sample.cells ?? []).slice(0, size > 60 ? 40 : 3);
    return (
      <dl class={size > 60 ? "ev-cells large" : "ev-cells"}>
        {shown.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
    );
  }
  const values = (sample.values ?? []).map((v) => v ?? 0);
  const [low, high] = extent(values);
  const points = values.map((v, i) => `${((i / Math.max(1, values.length - 1)) * 100).toFixed(1)},${(28 - ((v - low) / (high - low)) * 26).toFixed(1)}`);
  return (
    <svg class="ev-line" viewBox="0 0 100 30" preserveAspectRatio="none" style={{ height: `${size * 0.6}px` }} aria-hidden="true">
      <polyline points={points.join(" ")} />
    </svg>
  );
}

interface Props {
  ask: Ask;
  split: string;
  names: readonly string[];
  cell: Cell;
  cellNames: readonly string[];
  /** The label, where there are several. */
  which: number;
  multilabel: boolean;
  stamp: number;
}

export function CellSamples(props: Props) {
  const { ask, split, cell, which, names, multilabel } = props;
  const [order, setOrder] = useState("surest");
  const [found, setFound] = useState<{ total: number; samples: Sample[] } | null>(null);
  const [picked, setPicked] = useState(0);
  const fetch = async (start: number, count: number) => {
    const answer = await ask("cell", { split, label: cell[0], predicted: cell[1], which, sorting: order, start, count });
    return answer && readSamples(answer.result, answer.buffers);
  };
  useEffect(() => {
    let current = true;
    setPicked(0);
    void fetch(0, FIRST).then((next) => current && setFound(next));
    return () => {
      current = false;
    };
  }, [split, cell[0], cell[1], which, order, props.stamp]);
  const more = async () => {
    const next = await fetch(found!.samples.length, STEP);
    if (next) setFound({ total: next.total, samples: [...found!.samples, ...next.samples] });
  };

  const [label, predicted] = [props.cellNames[cell[0]] ?? "", props.cellNames[cell[1]] ?? ""];
  const tints = multilabel ? { y: which, t: which } : { y: cell[1], t: cell[0] };
  const chosen = found?.samples[picked];
  return (
    <section aria-label={words.samplesOfCell}>
      <div class="ll-row">
        <h2 class="ll-grow ev-title">
          {cell[0] === cell[1] ? words.cellRight(label) : words.cellTitle(label, predicted)}{" "}
          <span class="ll-soft">{found ? words.kindOf(found.samples[0]?.kind, found.total) : ""}</span>
        </h2>
        <div class="ev-order">
          <Select
            hideLabel
            label={words.order}
            value={order}
            options={Object.entries(words.orders).map(([value, text]) => ({ value, label: text }))}
            onChange={setOrder}
          />
        </div>
      </div>
      {!multilabel && (
        <p class="ll-xs ll-soft ev-keys">
          <span class="ev-key y" />
          {words.keyPredicted(predicted)} {cell[0] !== cell[1] && <span class="ev-key t" />}
          {cell[0] !== cell[1] && words.keyLabel(label)}
        </p>
      )}
      {found && !found.total && <Empty title={words.noSamples} detail={words.noSamplesDetail} />}
      <div class={`ev-cell ${found?.samples[0]?.kind ?? ""}`}>
        {found?.samples.map((sample, i) => (
          <button
            type="button"
            key={sample.row}
            class="ev-smp"
            aria-pressed={i === picked}
            aria-label={words.sampleLabel(split, sample.row, said(sample, names))}
            onClick={() => setPicked(i)}
          >
            <span class="top">
              <Look sample={sample} size={40} />
              <span class="n">
                {shares(sample, tints, multilabel).map(([k, p]) => (
                  <span key={k}>
                    {names[k]} <b>{percent(p, 0)}</b>
                  </span>
                ))}
              </span>
            </span>
          </button>
        ))}
      </div>
      {found && found.samples.length < found.total && (
        <Button kind="quiet" label={words.more(Math.min(STEP, found.total - found.samples.length))} onClick={() => void more()} />
      )}
      {chosen && <Picked sample={chosen} split={split} names={names} tints={tints} />}
    </section>
  );
}

/** One sample, large, with its most probable classes. */
export function Picked(props: { sample: Sample; split: string; names: readonly string[]; tints?: { y: number; t: number } }) {
  const { sample, names, tints } = props;
  const wide = sample.kind !== "picture";
  return (
    <div class={wide ? "ev-pick wide" : "ev-pick"}>
      <Look sample={sample} size={84} label={words.sample(props.split, sample.row)} />
      <div>
        <strong>{words.sample(props.split, sample.row)}</strong>
        <div class="ev-hb">
          {(sample.top ?? []).slice(0, 4).map(([k, p]) => (
            <div key={k}>
              <span class="name" title={names[k]}>
                {names[k]}
              </span>
              <span class="track">
                <i class={k === tints?.y ? "y" : k === tints?.t ? "t" : ""} style={{ width: `${Math.max(0.6, 100 * p)}%` }} />
              </span>
              <span>{percent(p)}</span>
            </div>
          ))}
          {(sample.targets ?? []).map(([name, truth, value]) => (
            <div key={name} class="target">
              <span class="name">{name}</span>
              <span>{words.trueSaid(num(truth), num(value))}</span>
            </div>
          ))}
        </div>
      </div>
    </div>
  );
}

function shares(sample: Sample, tints: { y: number; t: number }, multilabel: boolean): [number, number][] {
  const known = new Map(sample.top ?? []);
  if (multilabel) return (sample.top ?? []).slice(0, 2);
  const pairs: [number, number][] = [[tints.y, known.get(tints.y) ?? sample.sure ?? 0]];
  if (tints.t !== tints.y) pairs.push([tints.t, known.get(tints.t) ?? sample.p_label ?? 0]);
  return pairs;
}

function said(sample: Sample, names: readonly string[]): string {
  return (sample.top ?? [])
    .slice(0, 2)
    .map(([k, p]) => words.saidWith(names[k] ?? String(k), p))
    .join(", ");
}
