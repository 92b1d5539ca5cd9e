// Watches a job: its progress, and whether it was stopped.

export class Watch {
  /** @param {(share: number) => void} [onProgress] called with the share that is done, 0..1 */
  constructor(onProgress = () => {}) {
    this.onProgress = onProgress;
    this.stopped = false;
    this.done = 0;
  }

  /** Throws an AbortError if the job was stopped. */
  check() {
    if (this.stopped) throw new DOMException("stopped", "AbortError");
  }

  /** @param {number} share of the work done since the last call */
  advance(share) {
    this.done = Math.min(1, this.done + share);
    this.onProgress(this.done);
  }

  /** Lets the worker read its messages, among which a stop may be. */
  async breathe() {
    await new Promise((resolve) => {
      const { port1, port2 } = new MessageChannel();
      port1.onmessage = () => {
        port1.close();
        resolve(undefined);
      };
      port2.postMessage(null);
    });
    this.check();
  }

  /**
   * Returns a watch for a part of the work.
   * @param {number} share of the work
   * @returns {Watch}
   */
  part(share) {
    const parent = this;
    const part = new Watch();
    part.check = () => parent.check();
    part.breathe = () => parent.breathe();
    part.advance = (done) => parent.advance(share * done);
    return part;
  }
}
