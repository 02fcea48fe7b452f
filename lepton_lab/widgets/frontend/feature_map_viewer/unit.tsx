// One unit: how its map came about, what excites it, and through which weights it looks.
import { useEffect, useState } from "preact/hooks";
import { Button } from "../lib/controls";
import { f32, u8 } from "../lib/floats";
import { count } from "../lib/format";
import { Pixels } from "../lib/pixels";
import { useLink } from "../lib/widget";
import { featureMapViewer as words } from "../strings/en/feature_map_viewer";
import { SamplePicture } from "./pinning";
import { centred, ends, short } from "./sight";

interface Film {
  steps: number[];
  scales: [number, number][];
  shape: [number, number];
  maps: Float32Array[];
}

interface Favourites {
  samples: { id: string; label: string; picture: number[]; value: number; index: number; data: Uint8Array }[];
  pool: number;
  of: number;
}

interface Filter {
  shape: [number, number, number];
  layer: string;
  largest: number;
  data: Float32Array;
}

/** Asks for something again whenever its arguments change, and drops an answer that comes too late. */
function useAnswer<T>(op: string, args: Record<string, unknown> | null, read: (result: any, buffers: DataView[]) => T, key: string): T | null | undefined {
  const link = useLink();
  const [answer, setAnswer] = useState<T | null | undefined>(undefined);
  useEffect(() => {
    if (!args) return undefined;
    let current = true;
    link.call(op, args).then(
      ({ result, buffers }) => current && setAnswer(result === null ? null : read(result, buffers)),
      () => current && setAnswer(null),
    );
    return () => {
      current = false;
    };
  }, [link, op, key]);
  return answer;
}

export function FilmStrip(props: { pin: string; layer: string; unit: number; of: number; moment: number; at: number; onStep: (step: number) => void }) {
  const { pin, layer, unit } = props;
  const chosen = layer !== "" && unit >= 0;
  const film = useAnswer<Film>(
    "film",
    chosen ? { layer, unit } : null,
    (result, buffers) => ({ ...result, maps: buffers.map((b) => f32(b)) }),
    `${pin} ${layer} ${unit} ${props.moment}`,
  );
  return (
    <div class="sub">
      <div class="ll-row">
        <h3>{words.film}</h3>
        {chosen && <span class="ll-soft ll-sm">{words.filmOf(layer, unit, props.of)}</span>}
      </div>
      {!chosen ? (
        <p class="ll-sm ll-soft">{words.filmEmpty}</p>
      ) : film ? (
        <div class="film">
          {film.maps.map((map, i) => {
            const [low, high] = ends(...film.scales[i]!);
            const step = film.steps[i]!;
            const data = Uint8Array.from(map, (v) => ((v - low) / (high - low || 1)) * 255);
            const now = i === film.maps.length - 1;
            const on = props.at < 0 ? now : step === props.at;
            const label = words.frame(count(step), words.range(short(low), short(high)));
            return (
              <button type="button" class="shot" key={step} aria-pressed={on} aria-label={label} title={label} onClick={() => props.onStep(now ? -1 : step)}>
                <Pixels data={data} width={film.shape[1]} height={film.shape[0]} size={film.shape[0] === 1 ? 12 : 48} />
                <span>{count(step)}</span>
                <span class="rg">{words.range(short(low), short(high))}</span>
              </button>
            );
          })}
        </div>
      ) : (
        <p class="ll-sm ll-soft" style={{ minHeight: "88px" }}>{words.filmWaiting}</p>
      )}
    </div>
  );
}

export function UnitPane({ layer, unit, moment, onClose }: { layer: string; unit: number; moment: number; onClose: () => void }) {
  const key = `${layer} ${unit} ${moment}`;
  const liked = useAnswer<Favourites>(
    "exciting",
    { layer, unit },
    (result, buffers) => ({ ...result, samples: result.samples.map((s: any, i: number) => ({ ...s, data: u8(buffers[i]!) })) }),
    key,
  );
  const filter = useAnswer<Filter>("filters", { layer, unit }, (result, buffers) => ({ ...result, data: f32(buffers[0]!) }), key);
  return (
    <section class="unit" aria-label={words.unitTitle(layer, unit)}>
      <div class="ll-row">
        <h2 class="ll-grow">{words.unitTitle(layer, unit)}</h2>
        <Button kind="quiet" icon="close" iconOnly label={words.closeUnit} onClick={onClose} />
      </div>
      <h3>{words.exciting}</h3>
      {liked && <p class="ll-xs ll-soft">{words.excitingNote(count(liked.pool), count(liked.of))}</p>}
      <div class="liked" role="group" aria-label={words.exciting}>
        {liked?.samples.map((sample) => (
          <figure key={sample.index} title={sample.label}>
            {sample.picture.length ? <SamplePicture shape={sample.picture} data={sample.data} size={56} /> : <span class="txt">{sample.label}</span>}
            <figcaption>{short(sample.value)}</figcaption>
          </figure>
        ))}
      </div>
      <h3>{words.filters}</h3>
      {filter ? (
        <>
          <p class="ll-xs ll-soft">{words.filterNote(filter.layer, short(filter.largest))}</p>
          <div class="filters">
            {Array.from({ length: filter.shape[0] }, (_, k) => {
              const size = filter.shape[1] * filter.shape[2];
              const data = centred(filter.data.subarray(k * size, (k + 1) * size), filter.largest);
              const tall = filter.shape[1] === 1 ? 8 : filter.shape[1] > 12 ? 112 : 40;
              return <Pixels key={k} data={data} width={filter.shape[2]} height={filter.shape[1]} size={tall} ramp="gradient" label={`${words.filters} ${k + 1}`} />;
            })}
          </div>
        </>
      ) : (
        filter === null && <p class="ll-sm ll-soft">{words.noFilter}</p>
      )}
    </section>
  );
}
