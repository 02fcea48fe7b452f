import { inflateSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { rowOf } from "./pixels";
import { png, pngUrl } from "./png";

function chunks(bytes: Uint8Array): Record<string, Uint8Array> {
  const view = new DataView(bytes.buffer);
  const found: Record<string, Uint8Array> = {};
  for (let at = 8; at < bytes.length; ) {
    const length = view.getUint32(at);
    found[String.fromCharCode(...bytes.subarray(at + 4, at + 8))] = bytes.subarray(at + 8, at + 8 + length);
    at += length + 12;
  }
  return found;
}

describe("png", () => {
  it.each([[1, 1], [7, 3], [400, 300]])("holds %i × %i indices as they are", (width, height) => {
    const indices = Uint8Array.from({ length: width * height }, (_, i) => (i * 37) % 256);
    const palette = Uint8Array.from({ length: 768 }, (_, i) => i % 251);
    const found = chunks(png(indices, width, height, palette));
    expect([...found["IHDR"]!]).toEqual([0, 0, width >> 8, width & 255, 0, 0, height >> 8, height & 255, 8, 3, 0, 0, 0]);
    expect([...found["PLTE"]!]).toEqual([...palette]);
    expect([found["tRNS"]![254], found["tRNS"]![255]]).toEqual([255, 0]);
    const rows = inflateSync(found["IDAT"]!); // checks the sum at its end, too
    const back = Array.from({ length: height }, (_, y) => [...rows.subarray(y * (width + 1) + 1, (y + 1) * (width + 1))]).flat();
    expect(back).toEqual([...indices]);
  });

  it("has the checksum that the standard gives for its last chunk", () => {
    const bytes = png(new Uint8Array(1), 1, 1, new Uint8Array(768));
    expect([...bytes.subarray(-4)]).toEqual([0xae, 0x42, 0x60, 0x82]);
    expect(pngUrl(new Uint8Array(1), 1, 1, new Uint8Array(768))).toMatch(/^data:image\/png;base64,iVBORw0KGgo/);
  });
});

describe("rowOf", () => {
  it("puts maps side by side, each dot from the nearest value, with gaps between", () => {
    // two maps of 2 × 1, three dots wide and two high each, one dot between them
    expect([...rowOf(2, 2, 1, 3, 2, 1)]).toEqual([0, 1, 1, -1, 2, 3, 3, 0, 1, 1, -1, 2, 3, 3]);
  });
});
