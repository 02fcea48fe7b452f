// Pictures on their way to the kernel: small enough to travel, turned as the camera was held.

const LARGE = 3 << 20; // bytes from which a photo is made smaller here; the kernel takes 8 MiB
const SIDE = 1280;

/** A picture's file as it is, or, where it is large, the same picture with at most 1280 pixels a side. */
export async function shrunk(file: File): Promise<Uint8Array> {
  const whole = async () => new Uint8Array(await file.arrayBuffer());
  if (file.size <= LARGE) return whole();
  try {
    const bitmap = await createImageBitmap(file, { imageOrientation: "from-image" });
    const scale = Math.min(1, SIDE / Math.max(bitmap.width, bitmap.height));
    const content = await jpeg(bitmap, 0, 0, bitmap.width, bitmap.height, bitmap.width * scale, bitmap.height * scale);
    bitmap.close();
    return content;
  } catch {
    return whole(); // the kernel says what is wrong with it
  }
}

/** The middle of a video's picture in the proportions of the data, as a small JPEG. */
export async function still(video: HTMLVideoElement, ratio: number, side: number): Promise<Uint8Array | null> {
  const { videoWidth: w, videoHeight: h } = video;
  if (!w || !h) return null;
  const [width, height] = w / h > ratio ? [h * ratio, h] : [w, w / ratio];
  const scale = Math.min(1, side / Math.max(width, height));
  return jpeg(video, (w - width) / 2, (h - height) / 2, width, height, width * scale, height * scale);
}

async function jpeg(source: CanvasImageSource, x: number, y: number, w: number, h: number, width: number, height: number): Promise<Uint8Array> {
  const canvas = Object.assign(document.createElement("canvas"), { width: Math.max(1, Math.round(width)), height: Math.max(1, Math.round(height)) });
  const context = canvas.getContext("2d")!;
  context.fillStyle = "#fff";
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.imageSmoothingQuality = "high";
  context.drawImage(source, x, y, w, h, 0, 0, canvas.width, canvas.height);
  const blob = await new Promise<Blob | null>((resolve) => canvas.toBlob(resolve, "image/jpeg", 0.92));
  if (!blob) throw new Error("no picture");
  return new Uint8Array(await blob.arrayBuffer());
}
