// The sample's way through the network, as the kernel sends it: maps of eight bits by layer.
import { u8 } from "../lib/floats";

interface Row {
  path: string;
  at: number;
  kind: "maps" | "sequence" | "bars";
  n: number;
  of: number;
  height: number;
  width: number;
  low: number;
  high: number;
}

export interface Maps extends Row {
  maps: Uint8Array[];
}

export interface Sample {
  index: number;
  count: number;
  label: string;
  data: string;
  kind: "image" | "values";
  channels?: 1 | 3;
  height: number;
  width: number;
  pixels: Uint8Array;
}

export interface Picture {
  version: number;
  note: string;
  sample: Sample;
  layers: Map<string, Maps>;
}

export function readPicture(content: any, buffers: DataView[]): Picture {
  const [pixels, codes] = [buffers[0], buffers[1]].map((view) => (view ? u8(view) : new Uint8Array()));
  const layers = new Map<string, Maps>();
  for (const row of content.rows as Row[]) {
    const size = row.height * row.width;
    const maps = Array.from({ length: row.n }, (_, i) => codes!.subarray(row.at + i * size, row.at + (i + 1) * size));
    layers.set(row.path, { ...row, maps });
  }
  return { version: content.version, note: content.note, sample: { ...content.sample, pixels: pixels! }, layers };
}
