// How often to draw: as often as is cheap. The training may run on the cores that draw.
const LEAST_MS = 100;
const MOST_MS = 500; // what is drawn less than twice a second looks stuck
const SHARE = 0.01; // of one core for the page's own part; painting and compositing take about as much again

export class Pace {
  private cost = 0;
  private last = -Infinity;

  /** Milliseconds between two drawings: as many as keep them to a small share of the time. */
  get apart(): number {
    return Math.min(MOST_MS, Math.max(LEAST_MS, this.cost / SHARE));
  }

  /** Milliseconds from `now` until the next drawing is due. */
  wait(now: number): number {
    return Math.max(0, this.last + this.apart - now);
  }

  /** Notes a drawing that began at `began` and took `ms`. */
  took(began: number, ms: number): void {
    this.cost = this.last === -Infinity ? ms : 0.8 * this.cost + 0.2 * ms;
    this.last = began;
  }
}

/** Calls `done` when the frame that is being made is laid out and painted; called inside of `requestAnimationFrame`. */
export function afterFrame(done: () => void): void {
  const channel = new MessageChannel();
  channel.port1.onmessage = () => {
    channel.port1.close();
    done();
  };
  channel.port2.postMessage(null);
}
