// The page's side of the worker: asks, reports progress, and stops.

/** @typedef {import("../painters/painter.js").Control} Control */
/** @typedef {{threads: number, backend: import("./runtime.js").Backend}} EngineInfo */

/**
 * @typedef {{resolve: (result: any) => void, reject: (error: Error) => void, control: Control,
 *   onBytes?: (bytes: number) => void, started: number}} Pending
 */

export class WorkerClient {
  /** @param {Worker} worker */
  constructor(worker) {
    this.worker = worker;
    /** @type {Map<number, Pending>} */
    this.pending = new Map();
    this.nextId = 1;
    /** @type {EngineInfo} */
    this.info = { threads: 1, backend: "wasm" };
    worker.onmessage = ({ data }) => this.receive(data);
    worker.onerror = (event) => this.fail(event.message);
  }

  /**
   * Asks the worker to do something.
   * @param {string} kind
   * @param {Record<string, unknown>} fields
   * @param {Control} [control]
   * @param {Transferable[]} [transfer]
   * @param {(bytes: number) => void} [onBytes] called with the bytes that were downloaded
   * @returns {Promise<any>}
   */
  ask(kind, fields, control = {}, transfer = [], onBytes) {
    const id = this.nextId++;
    const { signal } = control;
    return new Promise((resolve, reject) => {
      if (signal?.aborted) {
        reject(new DOMException("stopped", "AbortError"));
        return;
      }
      this.pending.set(id, { resolve, reject, control, onBytes, started: performance.now() });
      signal?.addEventListener("abort", () => {
        this.worker.postMessage({ id, kind: "stop" });
        this.settle(id)?.reject(new DOMException("stopped", "AbortError"));
      });
      this.worker.postMessage({ id, kind, ...fields }, transfer);
    });
  }

  /** @param {any} data */
  receive({ id, share, bytes, result, error }) {
    const pending = this.pending.get(id);
    if (!pending) return;
    if (bytes !== undefined) {
      pending.onBytes?.(bytes);
    } else if (share !== undefined) {
      const seconds = (performance.now() - pending.started) / 1000;
      const secondsLeft = share > 0 ? (seconds * (1 - share)) / share : undefined;
      pending.control.onProgress?.({ done: share, total: 1, secondsLeft });
    } else if (error) {
      const { name, message } = error;
      const isStop = name === "AbortError";
      this.settle(id)?.reject(isStop ? new DOMException(message, name) : new Error(message));
    } else {
      this.settle(id)?.resolve(result);
    }
  }

  /** @param {number} id */
  settle(id) {
    const pending = this.pending.get(id);
    this.pending.delete(id);
    return pending;
  }

  /** @param {string} reason */
  fail(reason) {
    for (const id of [...this.pending.keys()]) {
      const message = `cannot paint in this browser: ${reason}; reload the page`;
      this.settle(id)?.reject(new Error(message));
    }
  }

  close() {
    this.worker.terminate();
    this.fail("the engine was closed");
  }
}

/**
 * Starts a worker and its engine.
 * @param {import("./engine.js").Settings} settings
 * @param {(bytes: number) => void} onBytes
 * @returns {Promise<WorkerClient>}
 */
export async function startWorker(settings, onBytes) {
  const url = new URL("./worker.js", import.meta.url);
  const client = new WorkerClient(new Worker(url, { type: "module", name: "engine" }));
  try {
    client.info = await client.ask("start", { settings }, {}, [], onBytes);
  } catch (error) {
    client.close();
    throw error;
  }
  return client;
}
