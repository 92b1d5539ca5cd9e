// Predicts the embedding of any picture; the same as impasto/inference/predictor.py.

import { crop, toPlanes } from "./pixels.js";
import { resizePicture } from "./resample.js";

export const SHORT_SIDE = 512; // pixels of the short side at which a picture is read
const MAX_ASPECT = 4; // long side over short side; only the middle of a longer picture is read
const PATCH_SIZE = 272; // pixels

/** @typedef {import("./pixels.js").Picture} Picture */

/**
 * Reduces a picture to what is read of it.
 * @param {Picture} picture
 * @returns {Picture}
 */
export function reduceStyle(picture) {
  const longest = MAX_ASPECT * Math.min(picture.height, picture.width);
  const [down, across] = [picture.height, picture.width].map((side) =>
    Math.max(0, Math.floor((side - longest + 1) / 2)),
  );
  const { height, width } = picture;
  const middle = crop(picture, down, across, height - 2 * down, width - 2 * across);
  const short = Math.min(middle.height, middle.width);
  if (short === SHORT_SIDE) return middle;
  const scale = SHORT_SIDE / short;
  return resizePicture(middle, roundEven(middle.height * scale), roundEven(middle.width * scale));
}

/**
 * Rounds as Python does.
 * @param {number} value
 */
export function roundEven(value) {
  const whole = Math.floor(value);
  const rest = value - whole;
  return rest > 0.5 || (rest === 0.5 && whole % 2) ? whole + 1 : whole;
}

/**
 * Predicts an embedding: the mean of those of the patches of a picture.
 * @param {import("./runtime.js").Session} session
 * @param {import("./runtime.js").Runtime} runtime
 * @param {Picture} picture
 * @param {import("./watch.js").Watch} watch
 * @returns {Promise<Float32Array>}
 */
export async function predict(session, runtime, picture, watch) {
  const reduced = reduceStyle(picture);
  const tops = places(reduced.height);
  const lefts = places(reduced.width);
  /** @type {Float32Array[]} */
  const embeddings = [];
  for (const top of tops) {
    for (const left of lefts) {
      watch.check();
      const patch = toPlanes(crop(reduced, top, left, PATCH_SIZE, PATCH_SIZE));
      const image = runtime.tensor(patch, [1, 3, PATCH_SIZE, PATCH_SIZE]);
      const outputs = await session.run({ [session.inputNames[0]]: image });
      embeddings.push(outputs[session.outputNames[0]].data.slice());
      watch.advance(1 / (tops.length * lefts.length));
      await watch.breathe();
    }
  }
  const embedding = embeddings[0].map((_, place) => {
    const sum = embeddings.reduce((total, one) => Math.fround(total + one[place]), 0);
    return sum / embeddings.length;
  });
  if (!embedding.every(Number.isFinite)) {
    throw new Error("cannot use this picture as a style: no style was found in it; take another");
  }
  return embedding;
}

/** @param {number} side */
function places(side) {
  const count = Math.ceil(side / PATCH_SIZE);
  const last = side - PATCH_SIZE;
  return Array.from({ length: count }, (_, place) =>
    count === 1 ? 0 : roundEven((place * last) / (count - 1)),
  );
}
