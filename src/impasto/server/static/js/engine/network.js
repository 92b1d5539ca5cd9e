// A network that was loaded: its graphs, and the facts to freeze its statistics.

import { readSafetensors, toFloats } from "./safetensors.js";

const FORMAT = "impasto browser network 1";

/**
 * A segment of the graph that measures large pictures; see impasto/inference/tiled_statistics.py.
 * @typedef {{graph: string, inputs: string[], outputs: string[], kept: string[],
 *   steps: Record<string, number>, channels: [number, number], step: number, margin: number,
 * }} Segment
 *
 * @typedef {{name: string, hash: string, embedding_size: number, gallery: string, margin: number,
 *   epsilon: number, scales: number[], shifts: number[]} & Record<string, any>} Facts
 *
 * Means and variances of all normalized channels of a network.
 * @typedef {{mean: Float32Array, variance: Float32Array}} Statistics
 */

/** The network that a style file brings along: it paints in one run, and nothing else. */
export class OwnNetwork {
  /**
   * @param {import("./runtime.js").Runtime} runtime
   * @param {Uint8Array} graph that was checked
   */
  constructor(runtime, graph) {
    this.runtime = runtime;
    this.graph = graph;
    this.canFreeze = false;
    /** @type {Facts} */
    this.facts = {
      name: "own", hash: "", embedding_size: 0, gallery: "", margin: 0, epsilon: 0, scales: [],
      shifts: [],
    };
    this.photo = null;
    /** @type {Promise<import("./runtime.js").Session> | undefined} */
    this.made = undefined;
  }

  session() {
    this.made ??= this.runtime.session(this.graph, null);
    return this.made;
  }

  /** @returns {never} */
  load() {
    throw new Error("cannot paint a picture in tiles with the network of a style");
  }

  /** @returns {never} */
  fold() {
    return this.load();
  }
}

export class Network {
  /**
   * @param {import("./runtime.js").Runtime} runtime
   * @param {Uint8Array} file as `pack_network` in impasto/server/site.py makes it
   */
  constructor(runtime, file) {
    const { tensors, metadata } = readSafetensors(file);
    if (metadata.format !== FORMAT) throw new Error("cannot load a network: it has another format");
    this.runtime = runtime;
    this.canFreeze = true;
    /** @type {Facts} */
    this.facts = JSON.parse(metadata.facts);
    this.tensors = tensors;
    const photo = tensors.get("photo");
    this.photo = photo ? toFloats(photo) : null;
    /** @type {Map<string, Promise<import("./runtime.js").Session>>} */
    this.sessions = new Map();
  }

  get name() {
    return this.facts.name;
  }

  /**
   * Makes a session of one of the graphs.
   * @param {string} graph
   */
  load(graph) {
    const tensor = this.tensors.get(graph);
    const weights = this.tensors.get("weights");
    if (!tensor || !weights) throw new Error(`cannot load the network ${this.name}: it is broken`);
    return this.runtime.session(tensor.bytes, weights.bytes);
  }

  /**
   * Returns the session of a graph, which is made once.
   * @param {string} graph
   */
  session(graph) {
    let session = this.sessions.get(graph);
    if (!session) {
      session = this.load(graph);
      this.sessions.set(graph, session);
      session.catch(() => this.sessions.delete(graph));
    }
    return session;
  }

  /**
   * Folds statistics into an embedding, for the graph without normalizations.
   * @param {Float32Array} embedding
   * @param {Statistics} statistics
   * @returns {Float32Array}
   */
  fold(embedding, { mean, variance }) {
    const folded = embedding.slice();
    const { scales, shifts, epsilon } = this.facts;
    for (let channel = 0; channel < scales.length; channel++) {
      const gain = Math.fround(1 / Math.sqrt(Math.fround(variance[channel] + epsilon)));
      const scale = Math.fround(embedding[scales[channel]] * gain);
      folded[scales[channel]] = scale;
      folded[shifts[channel]] = embedding[shifts[channel]] - Math.fround(scale * mean[channel]);
    }
    return folded;
  }
}

/**
 * Mixes statistics with others, as if pixels of both pictures were measured together.
 * @param {Statistics} first
 * @param {Statistics} second
 * @param {number} share of the second picture's pixels, 0..1
 * @returns {Statistics}
 */
export function towards(first, second, share) {
  const mean = first.mean.map((value, place) => (1 - share) * value + share * second.mean[place]);
  const variance = first.variance.map((value, place) => {
    const between = share * (1 - share) * (first.mean[place] - second.mean[place]) ** 2;
    return (1 - share) * value + share * second.variance[place] + between;
  });
  return { mean, variance };
}
