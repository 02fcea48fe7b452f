// A small picture as the text of a PNG (https://www.w3.org/TR/png/), for an <img>: a canvas is a layer of its own to the
// browser, and a hundred of them make every frame of the page dear.

const POLYNOMIAL = 0xedb88320;
const TABLE = Uint32Array.from({ length: 256 }, (_, n) => {
  let c = n;
  for (let k = 0; k < 8; k++) c = c & 1 ? POLYNOMIAL ^ (c >>> 1) : c >>> 1;
  return c;
});

function crc(bytes: Uint8Array): number {
  let c = 0xffffffff;
  for (const byte of bytes) c = TABLE[(c ^ byte) & 0xff]! ^ (c >>> 8);
  return ~c >>> 0;
}

function adler(bytes: Uint8Array): number {
  let [a, b] = [1, 0];
  for (const byte of bytes) {
    a = (a + byte) % 65521;
    b = (b + a) % 65521;
  }
  return ((b << 16) | a) >>> 0;
}

const word = (n: number): number[] => [n >>> 24, (n >>> 16) & 255, (n >>> 8) & 255, n & 255];

function joined(parts: readonly ArrayLike<number>[]): Uint8Array {
  const out = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

function chunk(type: string, content: ArrayLike<number>): Uint8Array {
  const body = joined([[...type].map((c) => c.charCodeAt(0)), content]);
  return joined([word(content.length), body, word(crc(body))]);
}

const BLOCK = 65535; // the longest that deflate stores as it is

/** A PNG of indices into a palette.
 *
 * @param indices Rows of `width` bytes; 255 is transparent.
 * @param palette 256 colours as R, G, B.
 */
export function png(indices: Uint8Array, width: number, height: number, palette: Uint8Array): Uint8Array {
  const rows = new Uint8Array((width + 1) * height); // each begins with the number of its filter: none
  for (let y = 0; y < height; y++) rows.set(indices.subarray(y * width, (y + 1) * width), y * (width + 1) + 1);
  const blocks: ArrayLike<number>[] = [[0x78, 0x01]];
  for (let at = 0; at < rows.length; at += BLOCK) {
    const block = rows.subarray(at, at + BLOCK);
    const n = block.length;
    blocks.push([at + n === rows.length ? 1 : 0, n & 255, n >> 8, ~n & 255, (~n >> 8) & 255], block);
  }
  blocks.push(word(adler(rows)));
  return joined([
    [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a],
    chunk("IHDR", [...word(width), ...word(height), 8, 3, 0, 0, 0]),
    chunk("PLTE", palette),
    chunk("tRNS", new Uint8Array(256).fill(255, 0, 255)),
    chunk("IDAT", joined(blocks)),
    chunk("IEND", []),
  ]);
}

/** The same as the address of an image. */
export function pngUrl(indices: Uint8Array, width: number, height: number, palette: Uint8Array): string {
  const bytes = png(indices, width, height, palette);
  let text = "";
  for (let at = 0; at < bytes.length; at += 8192) text += String.fromCharCode(...bytes.subarray(at, at + 8192));
  return `data:image/png;base64,${btoa(text)}`;
}
