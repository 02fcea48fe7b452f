// The picture as the network sees it, in a corner of the person's own.
import { Pixels } from "../lib/pixels";
import { interleaved } from "../feature_map_viewer/pinning";
import { tryIt as words } from "../strings/en/try_it";

/** `size` is (C, H, W) of the data's samples, `shape` that of the picture. */
export function Seen({ shape, data, size, big = 44 }: { shape: number[]; data: Uint8Array; size: number[]; big?: number }) {
  const [channels = 1, height = 0, width = 0] = shape;
  if (!height || !width) return null;
  const tall = (big * height) / Math.max(height, width);
  return (
    <div class="seen" aria-hidden="true">
      <Pixels data={interleaved(data, channels, height * width)} width={width} height={height} channels={channels === 3 ? 3 : 1} size={tall} ramp="grey" />
      {words.sees}
      <br />
      {words.size(size[2] ?? width, size[1] ?? height)}
    </div>
  );
}
