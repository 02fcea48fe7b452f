// Orders to the kernel that cannot get lost: each has an id, is acknowledged, and is sent again until it is.
// A kernel that runs comm callbacks beside its main thread can lose the first message after a page was loaded.
// What the kernel says to all views is numbered, so that a view notices what a broken connection has swallowed.

export interface Model {
  get(name: string): unknown;
  set(name: string, value: unknown): void;
  save_changes(): void;
  send(content: unknown, callbacks?: unknown, buffers?: ArrayBuffer[] | ArrayBufferView[]): void;
  on(name: string, callback: (...args: any[]) => void): void;
  off(name?: string | null, callback?: ((...args: any[]) => void) | null): void;
}

export interface Answer<T = any> {
  result: T;
  buffers: DataView[];
}

/** What the kernel says of an order that failed, in words for the person. */
export interface Failure {
  title: string;
  detail: string;
  fix: string;
}

interface Waiting {
  send(): void;
  resolve(answer: Answer): void;
  reject(failure: Failure): void;
  acknowledged: boolean;
  tries: number;
  next: number;
}

const FIRST_MS = 300;
const LONGEST_MS = 3000;

function newId(): string {
  const random = crypto.getRandomValues(new Uint32Array(4));
  return [...random].map((n) => n.toString(36)).join("");
}

export class Link {
  readonly view = newId();
  private waiting = new Map<string, Waiting>();
  private listeners = new Map<string, Set<(content: any, buffers: DataView[]) => void>>();
  private timer: ReturnType<typeof setInterval> | undefined;
  private lateListeners = new Set<(late: boolean) => void>();
  private heard: number | undefined;
  /** Called after messages of the kernel were lost, where nobody listens for "missed". */
  afresh: () => void = () => undefined;

  constructor(readonly model: Model) {
    model.on("msg:custom", this.receive);
  }

  /** Sends an order and resolves with its answer; rejects with a `Failure`. */
  call<T = any>(op: string, args: Record<string, unknown> = {}, buffers: ArrayBuffer[] | ArrayBufferView[] = []): Promise<Answer<T>> {
    const id = newId();
    return new Promise<Answer<T>>((resolve, reject) => {
      const send = () => this.post({ kind: "order", id, op, args, view: this.view }, buffers);
      this.waiting.set(id, { send, resolve, reject, acknowledged: false, tries: 1, next: Date.now() + FIRST_MS });
      send();
      this.timer ??= setInterval(this.again, FIRST_MS / 2);
    });
  }

  /** Says something that needs no answer and may get lost. */
  tell(content: Record<string, unknown>): void {
    this.post({ ...content, view: this.view });
  }

  /** Calls `heard` for every message of this kind; returns what ends it. */
  on(kind: string, heard: (content: any, buffers: DataView[]) => void): () => void {
    const set = this.listeners.get(kind) ?? new Set();
    this.listeners.set(kind, set.add(heard));
    return () => set.delete(heard);
  }

  /** Calls `heard(true)` when the kernel has not acknowledged for some seconds, and `heard(false)` when it does again. */
  onLate(heard: (late: boolean) => void): () => void {
    this.lateListeners.add(heard);
    return () => this.lateListeners.delete(heard);
  }

  dispose(): void {
    clearInterval(this.timer);
    this.model.off("msg:custom", this.receive);
    this.waiting.clear();
    this.listeners.clear();
    this.lateListeners.clear();
    this.afresh = () => undefined;
  }

  /** A kernel that was restarted or is gone takes nothing: the order stays waiting, and the view says so. */
  private post(content: unknown, buffers?: ArrayBuffer[] | ArrayBufferView[]): void {
    try {
      this.model.send(content, undefined, buffers);
    } catch {
      if (this.waiting.size) this.late(true);
    }
  }

  private receive = (content: any, buffers: DataView[] = []): void => {
    if (content?.kind === "ack" || content?.kind === "answer") {
      const order = this.waiting.get(content.id);
      if (!order) return;
      order.acknowledged = true;
      this.late(false);
      if (content.kind === "ack") return;
      this.waiting.delete(content.id);
      if (content.ok) order.resolve({ result: content.result, buffers });
      else order.reject(content.error as Failure);
      return;
    }
    const whole = this.follows(content ?? {});
    if (!content?.to || content.to === this.view) this.say(content?.kind, content, buffers);
    if (whole) return;
    if (this.listeners.get("missed")?.size) this.say("missed", content, []);
    else this.afresh();
  };

  private say(kind: string, content: any, buffers: DataView[]): void {
    for (const heard of this.listeners.get(kind) ?? []) heard(content, buffers);
  }

  /** Whether everything that the kernel sent before this message has arrived. */
  private follows({ kind, number }: { kind?: string; number?: number }): boolean {
    if (number === undefined) return true;
    const before = this.heard ?? number;
    this.heard = Math.max(before, number);
    return number <= before + (kind === "beat" ? 0 : 1);
  }

  private again = (): void => {
    const now = Date.now();
    for (const order of this.waiting.values()) {
      // an acknowledged order is asked for again too, seldom: its answer may have been lost with the connection
      if (now < order.next) continue;
      order.tries += 1;
      order.next = now + Math.min(LONGEST_MS, FIRST_MS * 2 ** order.tries) * (order.acknowledged ? 4 : 1);
      if (!order.acknowledged && order.tries > 3) this.late(true);
      order.send();
    }
    if (this.waiting.size === 0) {
      clearInterval(this.timer);
      this.timer = undefined;
    }
  };

  private late(late: boolean): void {
    for (const heard of this.lateListeners) heard(late);
  }
}
