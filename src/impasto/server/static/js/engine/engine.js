// The engine: loads networks, finds styles, and paints photographs. It runs in a worker.

import { download } from "./download.js";
import { Network } from "./network.js";
import { largestDifference, testPicture } from "./pixels.js";
import { Photos, toImageData } from "./photos.js";
import { paintPicture } from "./pipeline.js";
import { predict } from "./predictor.js";
import { prepare } from "./prepared.js";
import { Runtime, usableThreads } from "./runtime.js";
import { fromHalf } from "./safetensors.js";
import { chooseLimits } from "./tiling.js";

const TEST_SIDE = 64; // pixels
const WARM_UP = 2; // runs, after which later ones take as long
/** Levels by which a test painting may differ: rounding, and on GPUs other sums. */
const MAX_DIFFERENCE = { wasm: 1, webgpu: 2 };

/**
 * Part of a mix: a style of the gallery by name, or an embedding.
 * @typedef {{name?: string, embedding?: Float32Array, weight: number}} Part
 *
 * @typedef {{parts: Part[], strength: number, stroke: number | "auto", color: string,
 *   network: string, size?: number, mask?: ImageData | null}} Job
 *
 * @typedef {{name: string, hash: string, embedding_size: number, gallery: string, names: string[],
 *   graphs: string, styles: string, test: string, predictor?: string}} NetworkEntry
 *
 * @typedef {{base: string, backend: import("./runtime.js").Backend, threads?: number,
 *   maxPixels?: number, tile?: number}} Settings
 *
 * @typedef {import("./watch.js").Watch} Watch
 */

export class Engine {
  /**
   * @param {Settings} settings
   * @param {Runtime} runtime
   * @param {NetworkEntry[]} entries
   */
  constructor(settings, runtime, entries) {
    this.base = settings.base;
    this.runtime = runtime;
    this.entries = entries;
    this.limits = chooseLimits(settings);
    this.photos = new Photos();
    /** @type {Map<string, Promise<Network>>} */
    this.networks = new Map();
    /** @type {Map<string, Promise<Uint16Array>>} */
    this.embeddings = new Map();
    /** @type {Map<string, Promise<import("./runtime.js").Session>>} */
    this.predictors = new Map();
    /** @type {Map<string, import("./pixels.js").Picture>} */
    this.layers = new Map();
  }

  /**
   * Loads an engine and the smallest network, warms it up, and tests it.
   * @param {Settings} settings
   * @param {import("./download.js").OnBytes} onBytes
   * @returns {Promise<Engine>}
   */
  static async start(settings, onBytes) {
    const threads = settings.threads ?? usableThreads();
    const [runtime, list] = await Promise.all([
      Runtime.load(settings.backend, threads, onBytes),
      download(new URL("gallery/gallery.json", settings.base), onBytes),
    ]);
    const { networks } = JSON.parse(new TextDecoder().decode(list));
    const engine = new Engine(settings, runtime, networks);
    await engine.network(networks[0].name, onBytes);
    return engine;
  }

  /**
   * @param {string} name
   * @returns {NetworkEntry}
   */
  entry(name) {
    const entry = this.entries.find((candidate) => candidate.name === name);
    if (!entry) throw new Error(`no network is called ${name}; choose another one`);
    return entry;
  }

  /**
   * Returns a network, loaded, warm and tested.
   * @param {string} name
   * @param {import("./download.js").OnBytes} [onBytes]
   */
  network(name, onBytes) {
    let network = this.networks.get(name);
    if (!network) {
      network = this.loadNetwork(this.entry(name), onBytes);
      this.networks.set(name, network);
      network.catch(() => this.networks.delete(name));
    }
    return network;
  }

  /**
   * @param {NetworkEntry} entry
   * @param {import("./download.js").OnBytes} [onBytes]
   */
  async loadNetwork(entry, onBytes) {
    const [file, expected, embedding] = await Promise.all([
      download(new URL(entry.graphs, this.base), onBytes),
      download(new URL(entry.test, this.base), onBytes),
      this.galleryEmbedding(entry, entry.names[0], onBytes),
    ]);
    const network = new Network(this.runtime, file);
    const prepared = prepare(network, [[embedding, 1]], 1);
    for (let run = 0; run < WARM_UP; run++) {
      const painted = await prepared.paint(testPicture(TEST_SIDE));
      const difference = largestDifference(painted, expected);
      if (difference > MAX_DIFFERENCE[this.runtime.backend]) {
        throw new Error(
          `cannot paint on this device: its test painting is off by ${difference} levels;` +
            " use another browser",
        );
      }
    }
    return network;
  }

  /**
   * Returns the embedding of a style of the gallery.
   * @param {NetworkEntry} entry
   * @param {string} name
   * @param {import("./download.js").OnBytes} [onBytes]
   */
  async galleryEmbedding(entry, name, onBytes) {
    let file = this.embeddings.get(entry.name);
    if (!file) {
      const url = new URL(entry.styles, this.base);
      file = download(url, onBytes).then((bytes) => new Uint16Array(bytes.slice().buffer));
      this.embeddings.set(entry.name, file);
      file.catch(() => this.embeddings.delete(entry.name));
    }
    const place = entry.names.indexOf(name);
    if (place < 0) throw new Error(`no style is called ${name}; choose another one`);
    const size = entry.embedding_size;
    const halves = (await file).subarray(place * size, (place + 1) * size);
    return Float32Array.from(halves, fromHalf);
  }

  /**
   * Prepares the styles of a job.
   * @param {Job} job
   */
  async prepare({ parts, strength, network: name }) {
    const network = await this.network(name);
    const entry = this.entry(name);
    const total = parts.reduce((sum, { weight }) => sum + weight, 0);
    if (!(total > 0)) throw new Error("cannot paint without a style; choose one");
    if (!(strength >= 0 && strength <= 1)) {
      throw new Error(`cannot paint at the strength ${strength}; choose one from 0 to 1`);
    }
    /** @type {[Float32Array, number][]} */
    const embeddings = [];
    for (const { name: style, embedding, weight } of parts) {
      if (weight > 0) {
        const found = embedding ?? (await this.galleryEmbedding(entry, style ?? ""));
        embeddings.push([found, weight / total]);
      }
    }
    return (/** @type {number} */ level) => prepare(network, embeddings, strength * level);
  }

  /**
   * Paints a photograph.
   * @param {number} key the same for the same photograph
   * @param {Blob | ImageBitmap} source
   * @param {Job} job
   * @param {Watch} watch
   * @returns {Promise<ImageData>}
   */
  async paint(key, source, job, watch) {
    const [photo, prepareLevel] = await Promise.all([
      this.photos.get(key, source, job.size),
      this.prepare(job),
    ]);
    const painted = await paintPicture(photo.picture, prepareLevel, job, this.limits, watch);
    return toImageData(painted, photo.alpha);
  }

  /**
   * Predicts the embedding of a style picture.
   * @param {import("./pixels.js").Picture} picture
   * @param {string} name of the network
   * @param {Watch} watch
   * @returns {Promise<Float32Array>}
   */
  async predict(picture, name, watch) {
    const entry = this.entry(name);
    let session = this.predictors.get(name);
    if (!session) {
      if (!entry.predictor) throw new Error(`the network ${name} takes no pictures as styles`);
      const url = new URL(entry.predictor, this.base);
      session = download(url).then((graph) => this.runtime.session(graph, null));
      this.predictors.set(name, session);
      session.catch(() => this.predictors.delete(name));
    }
    return predict(await session, this.runtime, picture, watch);
  }
}
