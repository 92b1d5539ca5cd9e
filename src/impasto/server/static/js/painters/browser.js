// Paints on this device: talks to the workers that hold the engine.

import { startWorker } from "../engine/client.js";
import { MODES } from "../engine/color.js";
import { isIOS } from "../engine/runtime.js";
import { nameOf, readStyle, writeStyle } from "../engine/style_files.js";
import { mostPixels } from "../engine/tiling.js";

/** @typedef {import("./painter.js").Painter} Painter */
/** @typedef {import("./painter.js").PaintOptions} PaintOptions */
/** @typedef {import("./painter.js").Control} Control */
/** @typedef {import("./painter.js").Progress} Progress */
/** @typedef {import("./painter.js").Style} Style */
/** @typedef {import("./painter.js").LivePainter} Camera */
/** @typedef {import("../engine/client.js").WorkerClient} WorkerClient */
/** @typedef {import("../engine/engine.js").NetworkEntry} NetworkEntry */
/** @typedef {import("../engine/style_files.js").StyleData} StyleData */

const NETWORKS = ["small", "base", "large"];
const SAVED_NETWORKS = ["small", "base"]; // that a saved style is predicted for
const FIRST_BYTES = 4_150_000; // of a first visit: engine, network, styles
const LEAST_GAIN = 1.2; // by which a graphics card has to be quicker
const KIND = "application/octet-stream";

/**
 * Settings for tests: threads, the largest picture that is painted in one run and the side of tiles,
 * in pixels; and whether a graphics card is used: if it is quicker, never, or even one that a CPU
 * plays.
 * @typedef {{threads?: number, maxPixels?: number, tile?: number,
 *   gpu?: "auto" | "never" | "always"}} Settings
 */

/**
 * A style of the user: what was read of its file, and its embeddings by network.
 * @typedef {{data: StyleData, picture: Blob | null, graph?: Blob,
 *   predicted: Map<string, Promise<Float32Array>>}} OwnStyle
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
  constructor(base, { gpu = "auto", ...settings }) {
    /** @type {"device"} */
    this.where = "device";
    this.base = base;
    this.gpu = gpu;
    this.settings = settings;
    /** @type {Promise<WorkerClient> | undefined} */
    this.starting = undefined;
    /** @type {Promise<WorkerClient | null> | undefined} a graphics card, if it is of use */
    this.card = undefined;
    /** @type {WorkerClient | null} */
    this.quick = null;
    /** @type {Promise<NetworkEntry[]> | undefined} */
    this.entries = undefined;
    /** @type {Map<string, OwnStyle>} */
    this.own = new Map();
    /** @type {WeakMap<object, number>} */
    this.keys = new WeakMap();
    this.next = 1; // key of a photograph, number of a camera
  }

  /** @param {(progress: Progress) => void} [onProgress] */
  async ready(onProgress) {
    await this.start(onProgress);
  }

  /**
   * Starts the engine on the processor, once.
   * @param {(progress: Progress) => void} [onProgress]
   */
  start(onProgress) {
    let done = 0;
    const settings = { base: this.base, backend: /** @type {"wasm"} */ ("wasm"), ...this.settings };
    this.starting ??= startWorker(settings, (bytes) => {
      done = Math.min(FIRST_BYTES, done + bytes);
      onProgress?.({ done, total: FIRST_BYTES });
    });
    this.starting.catch(() => (this.starting = undefined));
    return this.starting;
  }

  /** Returns the worker that paints: on the graphics card, once it has proved of use. */
  async painter() {
    const worker = await this.start();
    return (this.gpu === "always" ? await this.tryCard(worker) : this.quick) ?? worker;
  }

  /**
   * Tries the graphics card, once: it has to pass the test and to be quicker.
   * @param {WorkerClient} worker on the processor
   */
  tryCard(worker) {
    this.card ??= this.startCard(worker).catch(() => null);
    return this.card;
  }

  /**
   * @param {WorkerClient} worker
   * @returns {Promise<WorkerClient | null>}
   */
  async startCard(worker) {
    const forced = this.gpu === "always";
    if (this.gpu === "never" || !(await hasCard(forced))) return null;
    const settings = { base: this.base, backend: /** @type {"webgpu"} */ ("webgpu") };
    const card = await startWorker({ ...settings, ...this.settings, threads: 1 }, () => {});
    if (!forced) {
      const [slow, fast] = [await worker.ask("time", {}), await card.ask("time", {})];
      if (fast * LEAST_GAIN > slow) {
        card.close();
        return null;
      }
    }
    this.quick = card;
    return card;
  }

  async info() {
    const { threads, backend } = (await this.painter()).info;
    return {
      where: this.where,
      name: "This device",
      networks: NETWORKS,
      colors: MODES,
      maxPixels: mostPixels(),
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
    const key = this.keys.get(photo) ?? this.next++;
    this.keys.set(photo, key);
    const job = await this.job(options, control);
    const worker = await this.painter();
    const ask = async (/** @type {WorkerClient} */ asked) => {
      const source = photo instanceof Blob ? photo : await createImageBitmap(photo);
      const transfer = source instanceof Blob ? [] : [source];
      return asked.ask("paint", { key, source, job }, control, transfer);
    };
    const painted = await this.withFallback(worker, ask);
    if (this.gpu === "auto") this.start().then((slow) => this.tryCard(slow), () => {});
    return painted;
  }

  /**
   * Asks a worker, and the one on the processor if the graphics card fails.
   * @template T
   * @param {WorkerClient} worker
   * @param {(worker: WorkerClient) => Promise<T>} ask
   * @returns {Promise<T>}
   */
  async withFallback(worker, ask) {
    try {
      return await ask(worker);
    } catch (error) {
      const isCard = worker === this.quick && this.gpu === "auto";
      if (!isCard || (error instanceof DOMException && error.name === "AbortError")) throw error;
      this.quick = null;
      worker.close();
      return ask(await this.start());
    }
  }

  /**
   * Makes the job of a worker: own styles get their embeddings.
   * @param {PaintOptions} options
   * @param {Control} control
   */
  async job({ styles, ...options }, control) {
    control.signal?.throwIfAborted();
    const parts = [];
    for (const { id, weight } of styles) {
      const own = this.own.get(id);
      if (!own && !id.startsWith("gallery:")) {
        throw new Error("cannot paint: this style was removed; choose another one");
      }
      const embedding = own ? await this.embedding(own, options.network, control) : undefined;
      parts.push({ id, weight, embedding, graph: own?.graph });
    }
    return { ...options, parts };
  }

  /**
   * Returns the embedding of an own style: that of its file, or predicted from its picture.
   * @param {OwnStyle} own
   * @param {string} network
   * @param {Control} [control]
   */
  async embedding({ data, picture, predicted }, network, control) {
    if (data.graph) return data.embeddings.own;
    const { hash } = await this.entry(network);
    if (data.hashes[network] === hash) return data.embeddings[network];
    const known = predicted.get(network);
    if (known) return known;
    if (!picture) {
      const networks = Object.keys(data.embeddings).join(" or ");
      throw new Error(
        `cannot paint ${data.title} with the network ${network}: it was learned for another one;` +
          ` choose ${networks || "another style"}`,
      );
    }
    const worker = await this.start(); // on the processor always: cards differ too much here
    const embedding = worker.ask("predict", { source: picture, network }, control);
    predicted.set(network, embedding);
    embedding.catch(() => predicted.delete(network));
    return embedding;
  }

  /** @param {string} name */
  async entry(name) {
    this.entries ??= fetch(new URL("gallery/gallery.json", this.base))
      .then((response) => response.json())
      .then(({ networks }) => networks);
    this.entries.catch(() => (this.entries = undefined));
    const entry = (await this.entries).find(({ name: other }) => other === name);
    if (!entry) throw new Error(`no network is called ${name}; choose another one`);
    return entry;
  }

  /**
   * Makes a style of a picture: predicts it for the smallest network.
   * @param {Blob} picture
   * @param {string} title
   * @param {Control} [control]
   * @returns {Promise<Style>}
   */
  async addPicture(picture, title, control) {
    const worker = await this.start();
    const { preview, picture: remembered } = await worker.ask("picture", { source: picture }, control);
    /** @type {StyleData} */
    const data = {
      name: nameOf(title),
      title,
      embeddings: {},
      hashes: {},
      metadata: { source: title },
      picture: remembered,
      graph: null,
    };
    const own = { data, picture, predicted: new Map() };
    await this.embedding(own, NETWORKS[0], control);
    return this.add(own, "picture", preview);
  }

  /**
   * Reads a style file.
   * @param {Blob} file
   * @param {string} title
   * @returns {Promise<Style>}
   */
  async addStyleFile(file, title) {
    const data = readStyle(new Uint8Array(await file.arrayBuffer()));
    const picture = data.picture ? new Blob([/** @type {BlobPart} */ (data.picture)], { type: "image/webp" }) : null;
    const graph = data.graph ? new Blob([/** @type {BlobPart} */ (data.graph)]) : undefined;
    const named = { ...data, title: data.title || title };
    return this.add({ data: named, picture, graph, predicted: new Map() }, "file", picture);
  }

  /**
   * @param {OwnStyle} own
   * @param {"picture" | "file"} kind
   * @param {Blob | null} preview
   * @returns {Style}
   */
  add(own, kind, preview) {
    const id = `own:${newId()}`;
    this.own.set(id, own);
    return { id, title: own.data.title, kind, preview };
  }

  /**
   * Writes an own style as a file that the command line loads; null for one of the gallery.
   * @param {Style} style
   * @returns {Promise<Blob | null>}
   */
  async saveStyle({ id }) {
    const own = this.own.get(id);
    if (!own) return null;
    const { data } = own;
    const embeddings = { ...data.embeddings };
    const hashes = { ...data.hashes };
    const metadata = { ...data.metadata };
    for (const name of own.picture && !own.graph ? SAVED_NETWORKS : []) {
      const { hash, gallery } = await this.entry(name);
      if (name in embeddings) continue;
      embeddings[name] = await this.embedding(own, name);
      hashes[name] = hash;
      metadata[`${name}.gallery`] = gallery;
    }
    const file = writeStyle({ ...data, embeddings, hashes, metadata });
    return new Blob([/** @type {BlobPart} */ (file)], { type: KIND });
  }

  /**
   * Begins to paint what a camera sees.
   * @param {PaintOptions} options
   * @returns {import("./painter.js").LivePainter}
   */
  live(options) {
    return new LivePainter(this, options, this.next++);
  }
}

/**
 * Paints the frames of a camera. A frame that waits gives way to a newer one: its promise rejects with
 * an AbortError.
 * @implements {Camera}
 */
class LivePainter {
  /**
   * @param {BrowserPainter} painter
   * @param {PaintOptions} options
   * @param {number} camera
   */
  constructor(painter, options, camera) {
    this.camera = camera;
    this.size = options.size;
    this.opened = this.open(painter, options);
    this.opened.catch(() => {}); // each frame says so
    this.busy = false;
    /** @type {{frame: ImageBitmap, start: () => void, drop: (error: Error) => void} | null} */
    this.waiting = null;
    this.closed = false;
  }

  /**
   * @param {BrowserPainter} painter
   * @param {PaintOptions} options
   */
  async open(painter, options) {
    const job = await painter.job(options, {});
    const worker = await painter.painter();
    await worker.ask("live", { camera: this.camera, job });
    return worker;
  }

  /**
   * Paints a frame; the frame is closed.
   * @param {ImageBitmap} frame
   * @returns {Promise<ImageBitmap>}
   */
  async paint(frame) {
    if (this.busy) await this.wait(frame);
    this.busy = true;
    try {
      const worker = await this.opened;
      if (this.closed) throw new DOMException("closed", "AbortError");
      const reduced = await this.reduce(frame);
      return await worker.ask("frame", { camera: this.camera, frame: reduced }, {}, [reduced]);
    } finally {
      this.busy = false;
      const next = this.waiting;
      this.waiting = null;
      if (next) {
        this.busy = true; // no other frame comes between
        next.start();
      }
    }
  }

  /** @param {ImageBitmap} frame */
  wait(frame) {
    this.drop();
    return new Promise((resolve, reject) => {
      this.waiting = { frame, start: () => resolve(undefined), drop: reject };
    });
  }

  drop() {
    this.waiting?.frame.close();
    this.waiting?.drop(new DOMException("a newer frame came", "AbortError"));
    this.waiting = null;
  }

  /**
   * @param {ImageBitmap} frame
   * @returns {Promise<ImageBitmap>}
   */
  async reduce(frame) {
    const scale = this.size ? this.size / Math.max(frame.width, frame.height) : 1;
    if (scale >= 1) return frame;
    const reduced = await createImageBitmap(frame, {
      resizeWidth: Math.max(1, Math.round(frame.width * scale)),
      resizeHeight: Math.max(1, Math.round(frame.height * scale)),
      resizeQuality: "medium",
    });
    frame.close();
    return reduced;
  }

  close() {
    this.closed = true;
    this.drop();
    this.opened.then((worker) => worker.ask("close", { camera: this.camera }), () => {});
  }
}

/**
 * Tells whether there is a graphics card that can be tried.
 * @param {boolean} forced even one that a CPU plays
 */
async function hasCard(forced) {
  const { gpu } = /** @type {any} */ (navigator);
  const { connection } = /** @type {any} */ (navigator);
  if (!gpu || isIOS() || connection?.saveData || !("Suspending" in WebAssembly)) return false;
  const adapter = await gpu.requestAdapter({ powerPreference: "high-performance" });
  const isFallback = adapter?.info?.isFallbackAdapter ?? adapter?.isFallbackAdapter;
  return Boolean(adapter) && (forced || !isFallback);
}

/** Makes an id; `crypto.randomUUID` is missing on pages that are not secure. */
function newId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
