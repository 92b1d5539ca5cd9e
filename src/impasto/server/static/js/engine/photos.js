// Decodes photographs and keeps the last few, because a slider paints one again and again.

import { emptyPicture } from "./pixels.js";
import { roundEven } from "./predictor.js";
import { resizePicture } from "./resample.js";

const MAX_KEPT = 3; // photographs, each at full size and at the sizes that were asked for

/**
 * A decoded photograph. `alpha` is null where all pixels are opaque.
 * @typedef {{picture: import("./pixels.js").Picture, alpha: Uint8Array | null}} Photo
 */

export class Photos {
  constructor() {
    /** @type {Map<string, Promise<Photo>>} */
    this.kept = new Map();
  }

  /**
   * Returns a photograph.
   * @param {number} key the same for the same photograph
   * @param {Blob | ImageBitmap} source
   * @param {number} [size] pixels of its longest side, if it is reduced
   * @returns {Promise<Photo>}
   */
  async get(key, source, size) {
    const full = await this.keep(`${key}`, () => decode(source));
    const { height, width } = full.picture;
    const scale = size ? size / Math.max(height, width) : 1;
    if (scale >= 1) return full;
    return this.keep(`${key} ${size}`, async () => reduce(full, scale));
  }

  /**
   * @param {string} name
   * @param {() => Promise<Photo>} make
   */
  keep(name, make) {
    const photo = this.kept.get(name) ?? make();
    this.kept.delete(name); // so that it is the newest
    this.kept.set(name, photo);
    photo.catch(() => this.kept.delete(name));
    if (this.kept.size > 2 * MAX_KEPT) this.kept.delete([...this.kept.keys()][0]);
    return photo;
  }
}

/**
 * @param {Photo} photo
 * @param {number} scale
 * @returns {Photo}
 */
function reduce({ picture, alpha }, scale) {
  const height = Math.max(1, roundEven(picture.height * scale));
  const width = Math.max(1, roundEven(picture.width * scale));
  const reduced = resizePicture(picture, height, width);
  if (!alpha) return { picture: reduced, alpha };
  const plane = { height: picture.height, width: picture.width, data: alpha };
  return { picture: reduced, alpha: resizePicture(plane, height, width, { channels: 1 }).data };
}

/**
 * Decodes a picture: upright, in sRGB, 8 bits.
 * @param {Blob | ImageBitmap} source
 * @returns {Promise<Photo>}
 */
export async function decode(source) {
  let bitmap;
  try {
    bitmap =
      source instanceof Blob
        ? await createImageBitmap(source, { imageOrientation: "from-image" })
        : source;
  } catch {
    throw new Error("cannot read the picture: this browser knows no such format; use JPEG or PNG");
  }
  const { height, width } = bitmap;
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  if (!context) throw new Error("cannot read the picture: it is too large for this browser");
  context.drawImage(bitmap, 0, 0);
  bitmap.close();
  return fromImageData(context.getImageData(0, 0, width, height));
}

/**
 * Splits RGBA into a picture and its alpha.
 * @param {{height: number, width: number, data: Uint8ClampedArray}} image
 * @returns {Photo}
 */
export function fromImageData({ height, width, data }) {
  const picture = emptyPicture(height, width);
  const rgb = picture.data;
  let solid = 255;
  for (let from = 0, to = 0; from < data.length; ) {
    rgb[to++] = data[from++];
    rgb[to++] = data[from++];
    rgb[to++] = data[from++];
    solid &= data[from++];
  }
  if (solid === 255) return { picture, alpha: null };
  const alpha = new Uint8Array(height * width);
  for (let pixel = 0; pixel < alpha.length; pixel++) alpha[pixel] = data[4 * pixel + 3];
  coverClear(picture, alpha);
  return { picture, alpha };
}

/**
 * Replaces the colors of clear pixels, which are black here, by the mean of the visible ones.
 * @param {import("./pixels.js").Picture} picture
 * @param {Uint8Array} alpha
 */
function coverClear({ data }, alpha) {
  const mean = visibleMean(data, alpha);
  for (let pixel = 0; pixel < alpha.length; pixel++) {
    if (!alpha[pixel]) data.set(mean, 3 * pixel);
  }
}

/**
 * @param {Uint8Array} data
 * @param {Uint8Array} alpha
 */
function visibleMean(data, alpha) {
  const sums = [0, 0, 0];
  let total = 0;
  for (let pixel = 0; pixel < alpha.length; pixel++) {
    for (let channel = 0; channel < 3; channel++) {
      sums[channel] += alpha[pixel] * data[3 * pixel + channel];
    }
    total += alpha[pixel];
  }
  return sums.map((sum) => (total ? Math.round(sum / total) : 255));
}

/**
 * Shows a photograph before the mean of its visible colors, for what takes no alpha.
 * @param {Photo} photo
 * @returns {import("./pixels.js").Picture}
 */
export function opaque({ picture, alpha }) {
  if (!alpha) return picture;
  const { height, width, data } = picture;
  const mean = visibleMean(data, alpha);
  const blended = data.map((level, place) => {
    const share = alpha[Math.floor(place / 3)] / 255;
    return share * level + (1 - share) * mean[place % 3] + 0.5;
  });
  return { height, width, data: blended };
}

/**
 * Joins a picture and its alpha.
 * @param {import("./pixels.js").Picture} picture
 * @param {Uint8Array | null} alpha
 * @returns {ImageData}
 */
export function toImageData({ height, width, data }, alpha) {
  const rgba = new Uint8ClampedArray(height * width * 4);
  for (let from = 0, to = 0; from < data.length; ) {
    rgba[to++] = data[from++];
    rgba[to++] = data[from++];
    rgba[to++] = data[from++];
    rgba[to] = alpha ? alpha[to >> 2] : 255;
    to++;
  }
  return new ImageData(rgba, width, height);
}
