// Files into the app's workspace and out of it, over HTTP: see uploads.py for what a request's body is made of.
// Thousands of small files travel in one request, a large one in several, so that each request is short.
import { files as words } from "../strings/en/files";
import type { Failure } from "./link";

export interface FileToSend {
  /** Its place in the upload's folder, with "/" between the parts. */
  path: string;
  file: Blob;
}

export interface UploadOptions {
  onProgress?: (done: number, total: number) => void;
  signal?: AbortSignal;
}

/** A piece of a file, or the whole of it. */
export interface Piece {
  path: string;
  file: Blob;
  at: number;
  end: number;
}

const BODY_BYTES = 32 << 20;
const BODY_FILES = 4000;

/** The address under which the server answers. */
export function serverAddress(path: string): string {
  return `${document.body.dataset.baseUrl ?? "/"}lepton/${path}`;
}

/** Where a file that was made for a project can be fetched; it is kept, not shown. */
export function fileAddress(project: string, name: string): string {
  return serverAddress(`files/${encodeURIComponent(project)}/${encodeURIComponent(name)}`);
}

/**
 * Brings files into the workspace, all of them or none; resolves with the upload's id.
 * Rejects with a `Failure`, or with an `AbortError` where it was broken off.
 */
export async function uploadFiles(files: FileToSend[], options: UploadOptions = {}): Promise<{ upload: string }> {
  const { onProgress, signal } = options;
  if (!files.length) throw failure(words.none, words.noneFix);
  const upload = [...crypto.getRandomValues(new Uint8Array(16))].map((n) => n.toString(16).padStart(2, "0")).join("");
  const address = serverAddress(`uploads/${upload}`);
  const total = files.reduce((sum, { file }) => sum + file.size, 0);
  let done = 0;
  try {
    for (const pieces of bodies(distinct(files))) {
      await post(address, body(pieces), (share) => onProgress?.(done + share * size(pieces), total), signal, pieces);
      done += size(pieces);
      onProgress?.(done, total);
    }
    await post(`${address}?files=${files.length}&bytes=${total}`, new Blob(), () => undefined, signal, []);
    return { upload };
  } catch (error) {
    void fetch(address, { method: "DELETE", headers: { "X-XSRFToken": token() }, keepalive: true }).catch(() => undefined);
    throw error;
  }
}

/** Files whose names are the same once their characters are composed get a number. */
export function distinct(files: FileToSend[]): FileToSend[] {
  const seen = new Set<string>();
  return files.map(({ path, file }) => {
    let name = path.normalize("NFC");
    const [, stem, ending] = /^(.*?)(\.[^./]*)?$/s.exec(name)!;
    for (let n = 2; seen.has(name); n++) name = `${stem} (${n})${ending ?? ""}`;
    seen.add(name);
    return { path: name, file };
  });
}

/** What goes into each request, in order. */
export function bodies(files: FileToSend[], bytes = BODY_BYTES, count = BODY_FILES): Piece[][] {
  const found: Piece[][] = [];
  let now: Piece[] = [];
  let room = bytes;
  const next = () => {
    if (now.length) found.push(now);
    now = [];
    room = bytes;
  };
  for (const { path, file } of files) {
    let at = 0;
    do {
      if (now.length >= count || room <= 0 || (at === 0 && file.size > room && file.size <= bytes)) next();
      const end = Math.min(file.size, at + room);
      now.push({ path, file, at, end });
      room -= end - at;
      at = end;
    } while (at < file.size);
  }
  next();
  return found;
}

/** A request's body. */
export function body(pieces: Piece[]): Blob {
  const text = new TextEncoder();
  const parts: BlobPart[] = [];
  for (const { path, file, at, end } of pieces) {
    const part = end - at < file.size ? { at, total: file.size } : {};
    const header = text.encode(JSON.stringify({ path, size: end - at, ...part }));
    const length = new DataView(new ArrayBuffer(4));
    length.setUint32(0, header.length, true);
    parts.push(length.buffer, header, end - at < file.size ? file.slice(at, end) : file);
  }
  return new Blob(parts);
}

function size(pieces: Piece[]): number {
  return pieces.reduce((sum, { at, end }) => sum + end - at, 0);
}

function post(
  address: string,
  content: Blob,
  progress: (share: number) => void,
  signal: AbortSignal | undefined,
  pieces: Piece[],
): Promise<void> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest(); // fetch cannot say how far it is
    const abort = () => request.abort();
    const end = (settle: () => void) => {
      signal?.removeEventListener("abort", abort);
      settle();
    };
    request.upload.onprogress = (event) => event.lengthComputable && progress(event.loaded / event.total);
    request.onload = () => end(() => (request.status < 300 ? resolve() : reject(answered(request))));
    request.onabort = () => end(() => reject(new DOMException("", "AbortError")));
    request.onerror = () => end(() => void broken(pieces).then(reject));
    if (signal?.aborted) return reject(new DOMException("", "AbortError"));
    signal?.addEventListener("abort", abort);
    request.open("POST", address);
    request.setRequestHeader("X-XSRFToken", token());
    request.setRequestHeader("Content-Type", "application/octet-stream");
    request.send(content);
  });
}

function answered(request: XMLHttpRequest): Failure {
  try {
    const { title, detail, fix } = JSON.parse(request.responseText) as Failure;
    return { title, detail, fix };
  } catch {
    return failure(words.refused, words.again);
  }
}

/** Why nothing arrived: a file that cannot be read any more ends a request just as a lost connection does. */
async function broken(pieces: Piece[]): Promise<Failure> {
  for (const { path, file } of pieces) {
    try {
      await file.slice(0, 1).arrayBuffer();
    } catch {
      return failure(words.unreadable(path), words.unreadableFix);
    }
  }
  return failure(words.lost, words.lostFix);
}

function failure(title: string, fix: string): Failure {
  return { title, detail: "", fix };
}

function token(): string {
  return document.body.dataset.xsrf ?? "";
}
