// One question at a time, and of those that wait only the newest: a person who draws fast never builds a queue.

export class Latest {
  private waiting: (() => Promise<void>) | null = null;
  private busy = false;

  /** Runs `job` at once, or when the present one is done; a newer one takes its place. */
  ask(job: () => Promise<void>): void {
    this.waiting = job;
    if (!this.busy) void this.work();
  }

  /** Forgets what waits. */
  drop(): void {
    this.waiting = null;
  }

  private async work(): Promise<void> {
    this.busy = true;
    while (this.waiting) {
      const job = this.waiting;
      this.waiting = null;
      await job().catch(() => undefined);
    }
    this.busy = false;
  }
}
