// The worker: one engine, which does one job after the other.

import { Engine } from "./engine.js";
import { Watch } from "./watch.js";

/** @type {Promise<Engine> | undefined} */
let engine;
/** @type {Promise<unknown>} */
let last = Promise.resolve();
/** @type {Map<number, Watch>} */
const watches = new Map();

/**
 * What the page asks for; `id` comes back with the answer.
 * @typedef {{id: number, kind: string, [field: string]: any}} Request
 */

self.onmessage = ({ data }) => {
  const request = /** @type {Request} */ (data);
  if (request.kind === "stop") {
    const watch = watches.get(request.id);
    if (watch) watch.stopped = true;
    return;
  }
  const { id } = request;
  const watch = new Watch((share) => self.postMessage({ id, share }));
  watches.set(id, watch);
  last = last
    .then(() => {
      watch.check();
      return answer(request, watch);
    })
    .then(
      ({ result, transfer }) => self.postMessage({ id, result }, { transfer: transfer ?? [] }),
      (error) => {
        const { name, message } = error ?? {};
        self.postMessage({ id, error: { name, message: message ?? String(error) } });
      },
    )
    .finally(() => watches.delete(id));
};

/**
 * @param {Request} request
 * @param {Watch} watch
 * @returns {Promise<{result: any, transfer?: Transferable[]}>}
 */
async function answer(request, watch) {
  if (request.kind === "start") {
    const { id } = request;
    const onBytes = (/** @type {number} */ bytes) => self.postMessage({ id, bytes });
    engine = Engine.start(request.settings, onBytes);
    const { runtime } = await engine;
    return { result: { threads: runtime.threads, backend: runtime.backend } };
  }
  if (!engine) throw new Error("cannot paint: the engine is not loaded; reload the page");
  const started = await engine;
  switch (request.kind) {
    case "paint": {
      const { key, source, job } = request;
      const image = await started.paint(key, source, job, watch);
      return { result: image, transfer: [image.data.buffer] };
    }
    case "predict": {
      const embedding = await started.predict(request.picture, request.network, watch);
      return { result: embedding };
    }
    default:
      throw new Error(`cannot do ${request.kind}`);
  }
}
