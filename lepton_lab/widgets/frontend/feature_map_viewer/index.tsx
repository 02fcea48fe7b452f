// FeatureMapViewer: what each layer makes of a pinned sample, now and earlier in the run.
//
// Synced: run_id, pin, scale, layer, unit, at, method, every_layer. Pictures come as "pins" and "maps" messages, and by
// `catch_up`; scales and order of drawing are chosen here.
import { useEffect, useRef, useState } from "preact/hooks";
import { Chip, Empty, Segmented, Switch } from "../lib/controls";
import { u8 } from "../lib/floats";
import { count } from "../lib/format";
import { useLink, useMessages, useTrait, useVisible, widget } from "../lib/widget";
import { featureMapViewer as words } from "../strings/en/feature_map_viewer";
import { Embedding } from "./embedding";
import css from "./feature_map_viewer.css";
import { LayerRow } from "./layers";
import { type About, Pins } from "./pinning";
import { moments, type Scale, type Sight, spread } from "./sight";
import { FilmStrip, UnitPane } from "./unit";

const SETTLED_MS = 1500;

function App() {
  const [runId] = useTrait<string>("run_id");
  const [pin, setPin] = useTrait<string>("pin");
  const [scale, setScale] = useTrait<Scale>("scale");
  const [layer, setLayer] = useTrait<string>("layer");
  const [unit, setUnit] = useTrait<number>("unit");
  const [at, setAt] = useTrait<number>("at");
  const [every, setEvery] = useTrait<boolean>("every_layer");
  const link = useLink();
  const visible = useVisible();
  const [tab, setTab] = useState<"maps" | "embedding">("maps");
  const [about, setAbout] = useState<About | null>(null);
  const [samples, setSamples] = useState<Uint8Array[]>([]);
  const [sight, setSight] = useState<{ told: Sight; codes: Uint8Array[] } | null>(null);

  const takePins = (told: About, buffers: DataView[]) => {
    setAbout(told);
    setSamples(buffers.slice(0, told.pins.length).map((b) => u8(b)));
  };
  useEffect(() => {
    if (!visible) return;
    link.call("catch_up").then(
      ({ result, buffers }) => {
        takePins(result, buffers);
        if (result.maps) setSight({ told: result.maps, codes: buffers.slice(result.maps.first).map((b: DataView) => u8(b)) });
      },
      () => undefined,
    );
  }, [visible, runId]);
  useMessages("pins", takePins);
  useMessages("maps", (told, buffers) => setSight({ told, codes: buffers.map((b) => u8(b)) }));

  // what is costly to look at follows the weights only now and then
  const step = sight?.told.step ?? 0;
  const moment = useSettled(step, SETTLED_MS);
  if (!about) return <div class="fm" style={{ minHeight: "320px" }} aria-busy="true" />;
  if (!about.open) return <div class="fm"><Empty title={words.empty} detail={words.emptyDetail} /></div>;

  const told = sight?.told;
  const running = told?.state === "running";
  const open = (name: string) => {
    setLayer(layer === name ? "" : name);
    setUnit(-1);
  };
  const choose = (name: string, number: number) => {
    setLayer(name);
    setUnit(number);
  };
  const stops = told ? moments(told) : [-1];
  const place = Math.max(0, at < 0 ? stops.length - 1 : stops.indexOf(at));
  const chosen = told?.layers.find((one) => one.name === layer);
  const paned = unit >= 0 && chosen && chosen.kind !== "attention" && about.pins.some((p) => p.origin !== "kept");
  return (
    <section class="fm" aria-label={words.region}>
      <div class="two" data-wide={paned ? undefined : ""}>
        <div class="maps">
          <div class="ll-row ll-wrap">
            <h2>{words.title}</h2>
            {told && (
              <span class="ll-sm ll-soft now">
                {at < 0 ? words.step(count(told.step)) : words.from(count(told.step))}
              </span>
            )}
            {running && at < 0 && <Chip live>{words.live}</Chip>}
            {told?.checkpoint && <Chip>{words.checkpoint}</Chip>}
            <span class="ll-grow" />
            <Segmented small label={words.view} value={tab} options={[{ value: "maps", label: words.tabs.maps }, { value: "embedding", label: words.tabs.embedding }]} onChange={setTab} />
            {tab === "maps" && <Segmented small label={words.scaleLabel} value={scale} options={[{ value: "layer", label: words.scales.layer }, { value: "map", label: words.scales.map }]} onChange={setScale} />}
          </div>
          {tab === "embedding" ? (
            <Embedding live={running} step={step} />
          ) : (
            <>
              <Pins about={about} pictures={samples} pin={pin} onPin={setPin} />
              {!about.pins.length || !told ? (
                <Empty title={about.pins.length ? words.looking : words.noPins} detail={about.pins.length ? "" : words.noPinsDetail} />
              ) : (
                <>
                  <div class="rows">
                    {told.layers.map((one) => (
                      <LayerRow
                        key={one.name}
                        layer={one}
                        codes={sight!.codes[one.buffer] ?? new Uint8Array()}
                        scale={scale}
                        opened={one.name === layer}
                        unit={unit}
                        classes={told.classes}
                        onUnit={choose}
                        onOpen={open}
                      />
                    ))}
                  </div>
                  <div class="ll-row foot">
                    <p class="ll-xs ll-soft ll-grow">{words.scaleNote[scale]}</p>
                    <label class="ll-row ll-xs ll-soft ll-nowrap">
                      <Switch label={words.everyLayer} checked={every} onChange={setEvery} />
                      {words.everyLayer}
                    </label>
                  </div>
                  <FilmStrip pin={pin} layer={layer} unit={unit} of={chosen?.shape[0] ?? 0} moment={moment} at={at} onStep={setAt} />
                  <TimeSlider stops={stops} place={place} now={told.now} onStep={setAt} />
                </>
              )}
            </>
          )}
        </div>
        {paned && <UnitPane layer={layer} unit={unit} moment={moment} onClose={() => setUnit(-1)} />}
      </div>
    </section>
  );
}

function TimeSlider({ stops, place, now, onStep }: { stops: number[]; place: number; now: number; onStep: (step: number) => void }) {
  const name = (i: number) => count(stops[i]! < 0 ? now : stops[i]!);
  if (stops.length < 2) return <p class="ll-xs ll-soft">{words.oneMoment}</p>;
  const share = (i: number) => (100 * i) / (stops.length - 1);
  return (
    <div class="slider">
      <input
        class="ll-range"
        type="range"
        min={0}
        max={stops.length - 1}
        step={1}
        value={place}
        aria-label={words.slider}
        aria-valuetext={words.step(name(place))}
        style={{ "--at": `${share(place)}%` }}
        onInput={(event) => onStep(stops[Number(event.currentTarget.value)]!)}
      />
      <div class="stops">
        {spread(stops.length, 7).map((i) => (
          <span key={i} class={i === place ? "on" : ""} style={{ left: `calc(7px + (100% - 14px) * ${share(i) / 100})` }}>{name(i)}</span>
        ))}
      </div>
      <p class="ll-xs ll-soft ll-right">{words.sliderNote}</p>
    </div>
  );
}

/** A number that follows another one at most once in a while. */
function useSettled(value: number, ms: number): number {
  const [settled, setSettled] = useState(value);
  const newest = useRef(value);
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  newest.current = value;
  useEffect(() => {
    timer.current ??= setTimeout(() => {
      timer.current = undefined;
      setSettled(newest.current);
    }, ms);
  }, [value]);
  useEffect(() => () => clearTimeout(timer.current), []);
  return settled;
}

export default widget(App, "feature_map_viewer", css);
