// The worker: one engine, which does one job after the other.

import { Engine } from "./engine.js";
import { fromImageData, toImageData } from "./photos.js";
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
  return act(await engine, request, watch);
}

/** @type {Map<number, import("./live.js").LiveStyle>} */
const cameras = new Map();

/**
 * @param {Engine} started
 * @param {Request} request
 * @param {Watch} watch
 * @returns {Promise<{result: any, transfer?: Transferable[]}>}
 */
async function act(started, request, watch) {
  switch (request.kind) {
    case "paint": {
      const image = await started.paint(request.key, request.source, request.job, watch);
      return { result: image, transfer: [image.data.buffer] };
    }
    case "picture":
      return { result: await started.readPicture(request.source) };
    case "predict":
      return { result: await started.predict(request.source, request.network, watch) };
    case "time":
      return { result: await started.time() };
    case "live":
      cameras.set(request.camera, await started.live(request.job));
      return { result: null };
    case "frame": {
      const painted = await paintFrame(request.camera, request.frame);
      return { result: painted, transfer: [painted] };
    }
    case "close":
      cameras.delete(request.camera);
      return { result: null };
    default:
      throw new Error(`cannot do ${request.kind}`);
  }
}

/** @type {OffscreenCanvas | undefined} */
let canvas;

/**
 * @param {number} camera
 * @param {ImageBitmap} frame
 * @returns {Promise<ImageBitmap>}
 */
async function paintFrame(camera, frame) {
  const style = cameras.get(camera);
  if (!style) throw new DOMException("the camera was closed", "AbortError");
  const { width, height } = frame;
  if (canvas?.width !== width || canvas.height !== height) {
    canvas = new OffscreenCanvas(width, height);
  }
  const context = canvas.getContext("2d", { willReadFrequently: true });
  if (!context) throw new Error("cannot paint the camera: this browser has no canvas for it");
  context.drawImage(frame, 0, 0);
  frame.close();
  const { picture } = fromImageData(context.getImageData(0, 0, width, height));
  return createImageBitmap(toImageData(await style.paint(picture), null));
}
