// What a person chose in a view, on its way to the kernel: as an order, so that it cannot get lost; of several that follow
// each other quickly the newest is sent. Until the kernel has it, it stands before what the kernel says.
import type { Link } from "./link";

export class Choices {
  private open = new Map<string, unknown>();
  private listeners = new Set<(name: string) => void>();

  constructor(
    private link: Pick<Link, "call" | "model">,
    private fail: (failure: unknown) => void,
  ) {}

  /** A trait as the person sees it. */
  get(name: string): unknown {
    return this.open.has(name) ? this.open.get(name) : this.link.model.get(name);
  }

  /** Chooses a value; it is there at once. */
  set(name: string, value: unknown): void {
    const busy = this.open.has(name);
    this.open.set(name, value);
    this.tell(name);
    if (!busy) void this.send(name);
  }

  /** Calls `heard` with the name of each trait that somebody chose, or that the kernel took; returns what ends it. */
  on(heard: (name: string) => void): () => void {
    this.listeners.add(heard);
    return () => this.listeners.delete(heard);
  }

  private async send(name: string): Promise<void> {
    for (let sent: unknown, first = true; first || !Object.is(sent, this.open.get(name)); first = false) {
      sent = this.open.get(name);
      await this.link.call("set_synced", { name, value: sent }).catch(this.fail);
    }
    this.open.delete(name);
    this.tell(name);
  }

  private tell(name: string): void {
    for (const heard of this.listeners) heard(name);
  }
}
