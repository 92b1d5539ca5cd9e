// Masks: the weight of the painting at each pixel; the same as impasto/inference/masks.py.

import { emptyPicture } from "./pixels.js";
import { BILINEAR, resizePicture } from "./resample.js";

const THUMBNAIL_SIDE = 64; // pixels a side of the reduced mask that `isWide` looks at
const SOFT_LEVELS = [0.05 * 255, 0.95 * 255]; // neither outside nor inside
const MIN_SOFT_SHARE = 0.1; // of all pixels

/** @typedef {import("./pixels.js").Picture} Picture */
/** @typedef {{height: number, width: number, data: Uint8Array}} Mask one number a pixel */

/**
 * Takes the red channel of an image as a mask.
 * @param {ImageData} image
 * @returns {Mask}
 */
export function toMask({ height, width, data }) {
  const mask = { height, width, data: new Uint8Array(height * width) };
  for (let pixel = 0; pixel < mask.data.length; pixel++) mask.data[pixel] = data[4 * pixel];
  return mask;
}

/**
 * @param {Mask} mask
 * @param {number} height
 * @param {number} width
 * @returns {Mask}
 */
export function maskAtSize(mask, height, width) {
  if (mask.height === height && mask.width === width) return mask;
  return resizePicture(mask, height, width, { filter: BILINEAR, channels: 1 });
}

/**
 * Tells whether a mask changes over a large part of the picture, as a gradient does.
 * @param {Mask} mask
 */
export function isWide(mask) {
  const { data } = maskAtSize(mask, THUMBNAIL_SIDE, THUMBNAIL_SIDE);
  const soft = data.filter((level) => level > SOFT_LEVELS[0] && level < SOFT_LEVELS[1]);
  return soft.length / data.length > MIN_SOFT_SHARE;
}

/**
 * Blends pictures: the first shows where the mask is 0, the last where it is 255.
 * @param {Picture[]} pictures
 * @param {Mask} mask
 * @returns {Picture}
 */
export function blendByMask(pictures, mask) {
  const { height, width } = pictures[0];
  const { data: levels } = maskAtSize(mask, height, width);
  const result = emptyPicture(height, width);
  const last = pictures.length - 1;
  for (let pixel = 0, place = 0; pixel < levels.length; pixel++) {
    const position = (levels[pixel] / 255) * last;
    const below = Math.min(Math.floor(position), Math.max(0, last - 1));
    const share = position - below;
    const first = pictures[below].data;
    const second = pictures[Math.min(last, below + 1)].data;
    for (const end = place + 3; place < end; place++) {
      result.data[place] = (1 - share) * first[place] + share * second[place] + 0.5;
    }
  }
  return result;
}
