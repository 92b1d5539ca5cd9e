// A style at a strength, bound to a loaded network and ready to paint.
// The same as impasto/inference/prepared_style.py and the mixing of impasto/inference/model.py.

import { noiseAt } from "./noise.js";
import { MARGIN, crop, emptyPicture, fromPlanes, pad, toPlanes } from "./pixels.js";

const PIXEL_BLEND = 0.1; // strength below which pixels are blended, so that 0 gives the photograph

/**
 * One run of a network that adds to a painting.
 * @typedef {{network: AnyNetwork, embedding: Float32Array, weight: number, frozen: boolean}} Pass
 *
 * @typedef {import("./network.js").Network | import("./network.js").OwnNetwork} AnyNetwork
 *
 * Part of a mix: an embedding, and the network that it belongs to if it brings its own.
 * @typedef {{embedding: Float32Array, weight: number,
 *   own?: import("./network.js").OwnNetwork}} PreparedPart
 */

export class PreparedStyle {
  /**
   * @param {Pass[]} passes
   * @param {number} strength
   */
  constructor(passes, strength) {
    this.passes = passes;
    this.strength = strength;
  }

  /** Whether the statistics of all networks can be frozen. */
  get canFreeze() {
    return this.passes.every(({ network }) => network.canFreeze);
  }

  /** Pixels that a tile must see around itself to be painted as in the whole picture. */
  get margin() {
    return Math.max(0, ...this.passes.map(({ network }) => network.facts.margin));
  }

  /**
   * Paints a picture of any size in one run.
   * @param {import("./pixels.js").Picture} picture
   * @param {number} [top] where it begins in a larger picture, a multiple of 16
   * @param {number} [left]
   * @returns {Promise<import("./pixels.js").Picture>}
   */
  async paint(picture, top = 0, left = 0) {
    if (!this.passes.length) return crop(picture, 0, 0, picture.height, picture.width);
    const padded = pad(picture);
    const image = toPlanes(padded);
    /** @type {[number, import("./pixels.js").Picture][]} */
    const layers = [];
    for (const pass of this.passes) {
      const planes = await this.run(pass, pass.frozen ? "plain" : "whole", padded, image, top, left);
      layers.push([pass.weight, fromPlanes(planes, padded.height, padded.width)]);
    }
    const photo = 1 - layers.reduce((sum, [weight]) => sum + weight, 0);
    if (photo > 1e-6) layers.push([photo, padded]);
    const mixed = layers.length > 1 ? mix(layers) : layers[0][1];
    return crop(mixed, MARGIN, MARGIN, picture.height, picture.width);
  }

  /**
   * Measures the statistics that painting a picture would use, in one run for each pass.
   * @param {import("./pixels.js").Picture} picture
   * @returns {Promise<import("./network.js").Statistics[]>}
   */
  async measure(picture) {
    const padded = pad(picture);
    const image = toPlanes(padded);
    const measured = [];
    for (const pass of this.passes) {
      const output = await this.run(pass, "measuring", padded, image, 0, 0);
      const half = output.length / 2;
      measured.push({ mean: output.slice(0, half), variance: output.slice(half) });
    }
    return measured;
  }

  /**
   * Gives the same style with these statistics for every picture it paints.
   * @param {import("./network.js").Statistics[]} statistics
   */
  freeze(statistics) {
    const passes = this.passes.map((pass, place) => ({
      ...pass,
      embedding: pass.network.fold(pass.embedding, statistics[place]),
      frozen: true,
    }));
    return new PreparedStyle(passes, this.strength);
  }

  /**
   * @param {Pass} pass
   * @param {string} graph
   * @param {import("./pixels.js").Picture} padded
   * @param {Float32Array} image
   * @param {number} top
   * @param {number} left
   * @returns {Promise<Float32Array>}
   */
  async run({ network, embedding }, graph, { height, width }, image, top, left) {
    const session = await network.session(graph);
    const { runtime } = network;
    /** @type {Record<string, import("./runtime.js").Array4>} */
    const inputs = {
      image: runtime.tensor(image, [1, 3, height, width]),
      embedding: runtime.tensor(embedding, [1, embedding.length]),
    };
    if (session.inputNames.includes("noise")) {
      const noise = noiseAt(height, width, top - MARGIN, left - MARGIN);
      inputs.noise = runtime.tensor(noise, [1, 1, height / 2, width / 2]);
    }
    const outputs = await session.run(inputs);
    return outputs[session.outputNames[0]].data;
  }
}

/**
 * @param {[number, import("./pixels.js").Picture][]} layers weights and pictures
 * @returns {import("./pixels.js").Picture}
 */
function mix(layers) {
  const { height, width } = layers[0][1];
  const sums = new Float32Array(height * width * 3);
  for (const [weight, { data }] of layers) {
    const share = Math.fround(weight);
    for (let place = 0; place < sums.length; place++) {
      sums[place] += Math.fround(share * data[place]);
    }
  }
  const mixed = emptyPicture(height, width);
  for (let place = 0; place < sums.length; place++) {
    mixed.data[place] = Math.min(255, Math.max(0, sums[place] + 0.5));
  }
  return mixed;
}

/**
 * Prepares a mix at a strength. Styles of one network mix as embeddings; those that bring their own mix
 * by pixels.
 * @param {import("./network.js").Network} network
 * @param {PreparedPart[]} parts with weights that sum to 1
 * @param {number} strength 0 (the photograph) to 1 (the full style)
 * @returns {PreparedStyle}
 */
export function prepare(network, parts, strength) {
  if (!strength) return new PreparedStyle([], 0);
  /** @type {Pass[]} */
  const passes = [];
  const shared = [];
  for (const part of parts) {
    const { own, embedding, weight } = part;
    if (!own) shared.push(part);
    else passes.push({ network: own, embedding, weight: strength * weight, frozen: false });
  }
  const total = shared.reduce((sum, { weight }) => sum + weight, 0);
  if (shared.length) {
    const { embedding, weight } = weaken(network, mixEmbeddings(shared, total), strength);
    passes.push({ network, embedding, weight: weight * total, frozen: false });
  }
  return new PreparedStyle(passes, strength);
}

/**
 * @param {PreparedPart[]} parts
 * @param {number} total of their weights
 */
function mixEmbeddings(parts, total) {
  const mixed = new Float64Array(parts[0].embedding.length);
  for (const { embedding, weight } of parts) {
    for (let place = 0; place < mixed.length; place++) {
      mixed[place] += (weight / total) * embedding[place];
    }
  }
  return Float32Array.from(mixed);
}

/**
 * Mixes an embedding towards the photograph's; also gives the painting's share of pixels, which is 1
 * but near strength 0.
 * @param {import("./network.js").Network} network
 * @param {Float32Array} embedding
 * @param {number} strength
 */
function weaken({ photo }, embedding, strength) {
  if (strength === 1 || !photo) return { embedding, weight: strength };
  const share = Math.max(strength, PIXEL_BLEND);
  const weakened = embedding.map((value, place) => share * value + (1 - share) * photo[place]);
  return { embedding: weakened, weight: Math.min(1, strength / PIXEL_BLEND) };
}
