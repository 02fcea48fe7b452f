// Small pictures of the examples, drawn from their data.
import { useMemo } from "preact/hooks";
import { Pixels } from "../lib/pixels";

const SIDE = 28; // of MNIST's images

export function bytesOf(text: string): Uint8Array {
  return Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
}

export function Digits({ digits }: { digits: readonly string[] }) {
  const images = useMemo(() => digits.map(bytesOf), [digits.join()]);
  return (
    <span class="st-thumb quad" aria-hidden="true">
      {images.map((data, i) => (
        <Pixels key={i} data={data} width={SIDE} height={SIDE} size={25.5} />
      ))}
    </span>
  );
}

/** Points of up to three classes; each has a shape of its own beside its colour. */
export function Points({ points }: { points: readonly (readonly [number, number, number])[] }) {
  return (
    <span class="st-thumb" aria-hidden="true">
      <svg viewBox="0 0 52 52" width="52" height="52">
        {points.map(([a, b, k], i) => {
          const [x, y] = [6 + 40 * a, 6 + 40 * b];
          if (k === 0) return <circle key={i} cx={x} cy={y} r="1.7" fill="var(--ll-s1)" />;
          if (k === 1) return <rect key={i} x={x - 1.5} y={y - 1.5} width="3" height="3" fill="var(--ll-s2)" />;
          return <path key={i} d={`M${x} ${y - 2}l2 3.6h-4z`} fill="var(--ll-s3)" />;
        })}
      </svg>
    </span>
  );
}

const FRUIT = [
  '<path d="M13 9c-5-3-8 1-7 6 1 4 4 6 7 4 3 2 6 0 7-4 1-5-2-9-7-6zM13 9V6"/>',
  '<path d="M13 5c-2 0-3 2-3 5 0 2-3 3-3 7 0 3 3 4 6 4s6-1 6-4c0-4-3-5-3-7 0-3-1-5-3-5zM13 5V3"/>',
  '<ellipse cx="13" cy="14" rx="5" ry="6.5"/><path d="M13 8c-2 4-2 8 0 12"/>',
];
const TURNS = [-8, 6, 14, -3];

/** Four drawings of a fruit: what a folder of a class looks like. */
export function Fruit({ kind }: { kind: number }) {
  return (
    <span class="st-pics">
      {TURNS.map((turn) => (
        <svg key={turn} class="st-pic" viewBox="0 0 26 26" fill="none" stroke="currentColor" stroke-width="1.3">
          <g transform={`rotate(${turn} 13 13)`} dangerouslySetInnerHTML={{ __html: FRUIT[kind] ?? "" }} />
        </svg>
      ))}
    </span>
  );
}
