// What augmentation makes of one image, and how it is set. Moving a slider only tries; letting it go changes the data.
import { useEffect, useRef, useState } from "preact/hooks";
import { Button, Slider } from "../lib/controls";
import { u8 } from "../lib/floats";
import { percent } from "../lib/format";
import { useFail, useLink } from "../lib/widget";
import { data_explorer as t } from "../strings/en/data_explorer";
import { type Overview, type Report, type Settings, type Shown, type Step, type Transform, caption, toSettings, toSteps } from "./model";
import { type Pictured, Sample } from "./samples";

type Order = (op: string, args?: Record<string, unknown>) => Promise<unknown>;
type Preview = Shown & { drawn: Record<string, number>[][]; label: string };

const SETTLE_MS = 150; // a key that is held down moves a slider many times

interface Knob {
  name: Exclude<Transform, "mirror">;
  max: (side: number) => number;
  step: number;
  words: (value: number) => string;
}

const KNOBS: readonly Knob[] = [
  { name: "turn", max: () => 45, step: 1, words: (x) => `± ${x}°` },
  { name: "shift", max: (side) => Math.max(2, Math.round(0.3 * side)), step: 1, words: (x) => `± ${x} px` },
  { name: "zoom", max: () => 50, step: 1, words: (x) => `± ${x} %` },
  { name: "colour", max: () => 90, step: 5, words: (x) => `± ${x} %` },
  { name: "cover", max: () => 100, step: 5, words: (x) => `${x} % of images` },
];

export function AugmentPane({ about, row, mirror, order }: { about: Overview; row: number; mirror: Report["mirror"]; order: Order }) {
  const side = Math.max(about.shape[1] ?? 1, about.shape[2] ?? 1);
  const chosen = JSON.stringify(about.augmentation);
  const [settings, setSettings] = useState<Settings>(() => toSettings(about.augmentation, side));
  const [seed, setSeed] = useState(1);
  const [turned, setTurned] = useState<boolean | null>(null);
  const on = turned ?? about.augmentation.length > 0;
  const mine = useRef({ waiting: false, timer: 0, version: 0 });
  useEffect(() => {
    // an answer to an earlier move must not pull the slider back from where it is by now
    if (mine.current.waiting || about.version < mine.current.version) return;
    setTurned(null);
    const steps = JSON.parse(chosen) as Step[];
    if (steps.length) setSettings(toSettings(steps, side));
  }, [chosen, side, about.version]);
  useEffect(() => () => clearTimeout(mine.current.timer), []);
  const steps = toSteps(settings, side);
  const found = usePreview(steps, row, seed, about.version);
  const choose = (next: Settings, turnedOn = on) => {
    setSettings(next);
    if (!turnedOn && !on) return;
    setTurned(turnedOn);
    const now = mine.current;
    clearTimeout(now.timer);
    now.waiting = true;
    now.timer = window.setTimeout(() => {
      now.waiting = false;
      now.version = about.version + 1;
      void order("augment", { steps: turnedOn ? toSteps(next, side) : [] });
    }, SETTLE_MS);
  };
  const knobs = KNOBS.filter((knob) => knob.name !== "colour" || about.shape[0] === 3);
  const lossy = mirror && mirror[1] - mirror[2] > 0.2;
  return (
    <section class="ll-de-sub" aria-label={t.augmentation}>
      <div class="ll-row">
        <h2>{t.augmentation}</h2>
        <span class="ll-soft ll-sm">{t.augmentationHelp}</span>
        <span class="ll-grow" />
        <Button kind="quiet" icon="redo" label={t.draw} onClick={() => setSeed(seed + 1)} />
        <label class="ll-row ll-de-on">
          <input class="ll-check" type="checkbox" aria-label={t.augmentOn} checked={on} onChange={(e) => choose(settings, e.currentTarget.checked)} />
          {t.on}
        </label>
      </div>
      <div class="ll-de-aug" data-seed={seed}>
        {found
          ? [...Array(found.content.drawn.length + 1).keys()].map((i) => {
              const lines = i ? caption(found.content.drawn[i - 1]!) : [t.original, t.originalLabel(found.content.label)];
              return (
                <figure key={i}>
                  <Sample shown={found.content} bytes={found.bytes} at={i} size={64} label={i ? t.variant(lines.join(", ")) : lines.join(", ")} />
                  <figcaption>
                    {lines[0]}
                    <br />
                    {lines[1]}
                  </figcaption>
                </figure>
              );
            })
          : null}
      </div>
      <div class="ll-de-set" role="group" aria-label={t.augmentation}>
        {knobs.slice(0, 3).map((knob) => (
          <KnobField key={knob.name} knob={knob} side={side} settings={settings} onTry={setSettings} onChoose={choose} />
        ))}
        <div>
          <div class={settings.on.mirror ? "nm" : "nm off"}>
            <label class="ll-row">
              <input class="ll-check" type="checkbox" checked={settings.on.mirror} onChange={(e) => choose({ ...settings, on: { ...settings.on, mirror: e.currentTarget.checked } })} />
              {t.transform.mirror}
            </label>
            <b>{settings.on.mirror ? t.half : t.off}</b>
          </div>
          {mirror && (
            <p class={lossy && settings.on.mirror ? "ll-xs hint warn" : "ll-xs ll-soft hint"} title={t.mirrorNoDetail(percent(mirror[1], 0), percent(mirror[2], 0))}>
              {lossy ? t.mirrorNo(mirror[0]) : t.mirrorYes}
            </p>
          )}
        </div>
        {knobs.slice(3).map((knob) => (
          <KnobField key={knob.name} knob={knob} side={side} settings={settings} onTry={setSettings} onChoose={choose} />
        ))}
      </div>
      {settings.rest.length > 0 && <p class="ll-xs ll-soft">{t.further}</p>}
    </section>
  );
}

function KnobField(props: { knob: Knob; side: number; settings: Settings; onTry: (s: Settings) => void; onChoose: (s: Settings) => void }) {
  const { knob, settings } = props;
  const on = settings.on[knob.name];
  const with_ = (value: number): Settings => ({ ...settings, [knob.name]: value, on: { ...settings.on, [knob.name]: value > 0 } });
  return (
    <div>
      <div class={on ? "nm" : "nm off"}>
        <label class="ll-row">
          <input class="ll-check" type="checkbox" checked={on} onChange={(e) => props.onChoose({ ...settings, on: { ...settings.on, [knob.name]: e.currentTarget.checked } })} />
          {t.transform[knob.name]}
        </label>
        <b>{on ? knob.words(settings[knob.name]) : t.off}</b>
      </div>
      <div class={on ? "" : "dim"}>
        <Slider
          label={t.amount[knob.name]!}
          hideLabel
          value={settings[knob.name]}
          min={0}
          max={knob.max(props.side)}
          step={knob.step}
          format={knob.words}
          onInput={(value) => props.onTry(with_(value))}
          onChange={(value) => props.onChoose(with_(value))}
        />
      </div>
    </div>
  );
}

/** The newest preview; while one is asked for, only the last of what is wanted meanwhile is asked for next. */
function usePreview(steps: Step[], row: number, seed: number, version: number): Pictured<Preview> | null {
  const link = useLink();
  const fail = useFail();
  const [found, setFound] = useState<Pictured<Preview> | null>(null);
  const asking = useRef(false);
  const alive = useRef(true);
  useEffect(
    () => () => {
      alive.current = false;
    },
    [],
  );
  const wanted = JSON.stringify({ steps, row, seed, version });
  const newest = useRef(wanted);
  newest.current = wanted;
  useEffect(() => {
    if (asking.current) return;
    const ask = async () => {
      asking.current = true;
      let asked = "";
      while (alive.current && asked !== newest.current) {
        asked = newest.current;
        const { version: _, ...args } = JSON.parse(asked);
        try {
          const { result, buffers } = await link.call<Preview>("preview", args);
          if (alive.current) setFound({ content: result, bytes: u8(buffers[0]!) });
        } catch (failure) {
          fail(failure);
        }
      }
      asking.current = false;
    };
    void ask();
  }, [wanted, link, fail]);
  return found;
}
