// The engine: loads networks, finds styles, and paints photographs. It runs in a worker.

import { download, downloadLasting } from "./download.js";
import { Network, OwnNetwork } from "./network.js";
import { largestDifference, testPicture } from "./pixels.js";
import { Photos, decode, opaque, toImageData } from "./photos.js";
import { LiveStyle } from "./live.js";
import { paintLayer, paintPicture } from "./pipeline.js";
import { predict } from "./predictor.js";
import { drawPreview, encodePicture } from "./style_files.js";
import { prepare } from "./prepared.js";
import { Runtime, usableThreads } from "./runtime.js";
import { fromHalf } from "./safetensors.js";
import { chooseLimits, mostPixels } from "./tiling.js";

const TEST_SIDE = 64; // pixels
const TIMED_SIDE = 256; // pixels of the picture that engines are timed by
const TIMED_RUNS = 3;
const MAX_KEPT_BYTES = 128 * 2 ** 20; // of paintings, which a mask or a color mode shows anew
const WARM_UP = 2; // runs, after which later ones take as long
/** Levels by which a test painting may differ: rounding, and on GPUs other sums. */
const MAX_DIFFERENCE = { wasm: 1, webgpu: 2 };

/**
 * Part of a mix: a style of the gallery, or an embedding, or one with the graph of its own network.
 * @typedef {{id: string, embedding?: Float32Array, graph?: Blob, weight: number}} Part
 *
 * @typedef {{parts: Part[], strength: number, stroke: number | "auto", color: string,
 *   network: string, size?: number, mask?: ImageData | null}} Job
 *
 * @typedef {{name: string, hash: string, embedding_size: number, gallery: string, names: string[],
 *   graphs: string, styles: string, test: string, predictor?: string}} NetworkEntry
 *
 * @typedef {{base: string, backend: import("./runtime.js").Backend, threads?: number,
 *   maxPixels?: number, tile?: number}} Settings
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
    /** @type {{id: string, network: OwnNetwork} | undefined} */
    this.own = undefined;
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
      downloadLasting(new URL(entry.graphs, this.base), onBytes),
      downloadLasting(new URL(entry.test, this.base), onBytes),
      this.galleryEmbedding(entry, entry.names[0], onBytes),
    ]);
    const network = new Network(this.runtime, file);
    const prepared = prepare(network, [{ embedding, weight: 1 }], 1);
    for (let run = 0; run < WARM_UP; run++) {
      const painted = await prepared.paint(testPicture(TEST_SIDE));
      const difference = largestDifference(painted, expected);
      if (difference > MAX_DIFFERENCE[this.runtime.backend]) {
        throw new Error(
          `cannot paint in this browser: its test painting is off by ${difference} levels;` +
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
      file = downloadLasting(url, onBytes).then((bytes) => new Uint16Array(bytes.slice().buffer));
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
   * Finds the styles of a job: returns a function that prepares them at a share of its strength.
   * @param {Job} job
   */
  async findStyles({ parts, strength, network: name }) {
    const network = await this.network(name);
    const total = parts.reduce((sum, { weight }) => sum + weight, 0);
    if (!(total > 0)) throw new Error("cannot paint without a style; choose one");
    if (!(strength >= 0 && strength <= 1)) {
      throw new Error(`cannot paint at the strength ${strength}; choose one from 0 to 1`);
    }
    /** @type {import("./prepared.js").PreparedPart[]} */
    const found = [];
    for (const { id, embedding, graph, weight } of parts) {
      if (weight > 0) {
        const style = id.replace(/^gallery:/, "");
        found.push({
          embedding: embedding ?? (await this.galleryEmbedding(this.entry(name), style)),
          weight: weight / total,
          own: graph && (await this.ownNetwork(id, graph)),
        });
      }
    }
    return (/** @type {number} */ level) => prepare(network, found, strength * level);
  }

  /**
   * Returns the network that a style brings along; only the last one is kept.
   * @param {string} id of the style
   * @param {Blob} graph
   */
  async ownNetwork(id, graph) {
    if (this.own?.id !== id) {
      const bytes = new Uint8Array(await graph.arrayBuffer());
      this.own = { id, network: new OwnNetwork(this.runtime, bytes) };
    }
    return this.own.network;
  }

  /**
   * Paints a photograph.
   * @param {number} key the same for the same photograph
   * @param {Blob | ImageBitmap} source
   * @param {Job} job
   * @param {import("./watch.js").Watch} watch
   * @returns {Promise<ImageData>}
   */
  async paint(key, source, job, watch) {
    const [photo, prepareLevel] = await Promise.all([
      this.photos.get(key, source, job.size),
      this.findStyles(job),
    ]);
    const { picture, alpha } = photo;
    if (picture.height * picture.width > mostPixels()) {
      const [most, size] = [mostPixels(), picture.height * picture.width].map((pixels) =>
        Math.round(pixels / 1e6),
      );
      throw new Error(
        `cannot paint ${size} megapixels in this browser: ${most} are the most; choose a smaller size`,
      );
    }
    const styles = job.parts.map(({ id, weight }) => `${id}:${weight}`).join();
    const painting = await paintPicture(
      picture,
      (level, part) => {
        const name = [key, job.size, job.network, styles, job.strength * level, job.stroke].join(" ");
        const paint = () =>
          paintLayer(picture, prepareLevel(level), job.stroke, this.limits, part);
        return this.keptLayer(name, paint);
      },
      job,
      watch,
    );
    return toImageData(painting, alpha);
  }

  /**
   * Returns a painting that was made before, or makes it.
   * @param {string} name
   * @param {() => Promise<import("./pixels.js").Picture>} paint
   */
  async keptLayer(name, paint) {
    const layer = this.layers.get(name) ?? (await paint());
    this.layers.delete(name); // so that it is the newest
    this.layers.set(name, layer);
    let bytes = 0;
    for (const [old, { data }] of [...this.layers].reverse()) {
      bytes += data.length;
      if (bytes > MAX_KEPT_BYTES && old !== name) this.layers.delete(old);
    }
    return layer;
  }

  /**
   * Begins to paint what a camera sees.
   * @param {Job} job
   */
  async live(job) {
    const prepareLevel = await this.findStyles(job);
    return new LiveStyle(prepareLevel(1), job);
  }

  /** Returns the seconds that painting 256x256 pixels takes. */
  async time() {
    const network = await this.network(this.entries[0].name);
    const embedding = await this.galleryEmbedding(this.entries[0], this.entries[0].names[0]);
    const prepared = prepare(network, [{ embedding, weight: 1 }], 1);
    let least = Infinity;
    for (let run = 0; run < TIMED_RUNS; run++) {
      const start = performance.now();
      await prepared.paint(testPicture(TIMED_SIDE));
      least = Math.min(least, (performance.now() - start) / 1000);
      if (least > 1) break; // slow enough to tell
    }
    return least;
  }

  /**
   * Reads a picture that becomes a style: its preview, and what a style file remembers of it.
   * @param {Blob} source
   */
  async readPicture(source) {
    const bitmap = await createImageBitmap(source, { imageOrientation: "from-image" }).catch(() => {
      throw new Error("cannot read the picture: this browser knows no such format; use JPEG or PNG");
    });
    const [preview, picture] = [await drawPreview(bitmap), await encodePicture(bitmap)];
    bitmap.close();
    return { preview, picture };
  }

  /**
   * Predicts the embedding of a style picture.
   * @param {Blob} source
   * @param {string} name of the network
   * @param {import("./watch.js").Watch} watch
   * @returns {Promise<Float32Array>}
   */
  async predict(source, name, watch) {
    const entry = this.entry(name);
    let session = this.predictors.get(name);
    if (!session) {
      if (!entry.predictor) throw new Error(`the network ${name} takes no pictures as styles`);
      const url = new URL(entry.predictor, this.base);
      session = downloadLasting(url).then((graph) => this.runtime.session(graph, null));
      this.predictors.set(name, session);
      session.catch(() => this.predictors.delete(name));
    }
    const picture = opaque(await decode(source));
    return predict(await session, this.runtime, picture, watch);
  }
}
