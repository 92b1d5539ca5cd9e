// Paints on this device: talks to the worker that holds the engine.

import { startWorker } from "../engine/client.js";

/** @typedef {import("./painter.js").Painter} Painter */
/** @typedef {import("./painter.js").PaintOptions} PaintOptions */
/** @typedef {import("./painter.js").Control} Control */
/** @typedef {import("./painter.js").Style} Style */

const COLORS = [
  "style", "luminance", "histogram", "linear-cholesky", "linear-pca", "linear-mkl",
];
const NETWORKS = ["small", "base", "large"];
const FIRST_BYTES = 4_300_000; // of a first visit: engine, network, styles

/**
 * Settings for tests.
 * @typedef {{threads?: number, maxPixels?: number, tile?: number}} Settings
 */

/**
 * Makes the painter of this device. Nothing is loaded before `ready` or the first painting.
 * @param {string | URL} baseUrl the folder of the site
 * @param {Settings} [settings]
 * @returns {Painter}
 */
export function createBrowserPainter(baseUrl, settings = {}) {
  const base = new URL(baseUrl, globalThis.location?.href).href;
  return new BrowserPainter(base, settings);
}

/** @implements {Painter} */
class BrowserPainter {
  /**
   * @param {string} base
   * @param {Settings} settings
   */
  constructor(base, settings) {
    /** @type {"device"} */
    this.where = "device";
    this.base = base;
    this.settings = settings;
    /** @type {Promise<import("../engine/client.js").WorkerClient> | undefined} */
    this.worker = undefined;
    /** @type {WeakMap<object, number>} */
    this.keys = new WeakMap();
    this.nextKey = 1;
  }

  /** @param {(progress: import("./painter.js").Progress) => void} [onProgress] */
  async ready(onProgress) {
    await this.start(onProgress);
  }

  /** @param {(progress: import("./painter.js").Progress) => void} [onProgress] */
  start(onProgress) {
    let done = 0;
    this.worker ??= startWorker({ base: this.base, backend: "wasm", ...this.settings }, (bytes) => {
      done = Math.min(FIRST_BYTES, done + bytes);
      onProgress?.({ done, total: FIRST_BYTES });
    });
    this.worker.catch(() => (this.worker = undefined));
    return this.worker;
  }

  async info() {
    const { threads, backend } = (await this.start()).info;
    return {
      where: this.where,
      name: "This device",
      networks: NETWORKS,
      colors: COLORS,
      maxPixels: 16_000_000,
      threads,
      backend,
      features: { video: false, train: false, optimize: false },
    };
  }

  /**
   * @param {Blob | ImageBitmap} photo
   * @param {PaintOptions} options
   * @param {Control} [control]
   * @returns {Promise<ImageData>}
   */
  async paint(photo, options, control = {}) {
    const worker = await this.start();
    const job = await this.job(options, control);
    const source = photo instanceof Blob ? photo : await createImageBitmap(photo);
    const transfer = photo instanceof Blob ? [] : [/** @type {ImageBitmap} */ (source)];
    return worker.ask("paint", { key: this.key(photo), source, job }, control, transfer);
  }

  /** @param {object} photo */
  key(photo) {
    const key = this.keys.get(photo) ?? this.nextKey++;
    this.keys.set(photo, key);
    return key;
  }

  /**
   * @param {PaintOptions} options
   * @param {Control} control
   */
  async job({ styles, ...options }, control) {
    control.signal?.throwIfAborted();
    const parts = styles.map(({ id, weight }) => ({ name: id.replace(/^gallery:/, ""), weight }));
    return { ...options, parts };
  }

  /** @returns {Promise<Style>} */
  async addPicture() {
    throw new Error("not yet");
  }

  /** @returns {Promise<Style>} */
  async addStyleFile() {
    throw new Error("not yet");
  }

  /** @returns {Promise<Blob | null>} */
  async saveStyle() {
    return null;
  }

  /** @returns {import("./painter.js").LivePainter} */
  live() {
    throw new Error("not yet");
  }
}
