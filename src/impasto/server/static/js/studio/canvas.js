/** Canvases: reading pictures, reducing them, and writing them as files. */

/** @typedef {HTMLCanvasElement} Canvas */

/**
 * @param {number} width
 * @param {number} height
 * @returns {HTMLCanvasElement}
 */
export function makeCanvas(width, height) {
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(width));
  canvas.height = Math.max(1, Math.round(height));
  return canvas;
}

/**
 * @param {HTMLCanvasElement} canvas
 * @param {boolean} [reads]  Whether pixels are read back often.
 */
export function context(canvas, reads = false) {
  const result = canvas.getContext("2d", { willReadFrequently: reads });
  if (!result) throw new Error("cannot draw: this browser has no memory left for pictures; close other tabs");
  return result;
}

/**
 * The size that fits a longest side.
 * @param {number} width
 * @param {number} height
 * @param {number} longest
 */
export function fit(width, height, longest) {
  const scale = Math.min(1, longest / Math.max(width, height));
  return { width: Math.max(1, Math.round(width * scale)), height: Math.max(1, Math.round(height * scale)) };
}

/**
 * Decode a picture, upright.
 * @param {Blob} blob
 * @param {string} [name]
 * @returns {Promise<ImageBitmap>}
 */
export async function decode(blob, name = "the picture") {
  try {
    return await createImageBitmap(blob, { imageOrientation: "from-image" });
  } catch {
    throw new Error(`cannot read ${name}: this browser does not know the format; use JPEG, PNG or WebP`);
  }
}

/**
 * A picture drawn at a size, on a canvas of its own.
 * @param {CanvasImageSource} source
 * @param {number} width
 * @param {number} height
 * @param {boolean} [reads]
 */
export function drawn(source, width, height, reads = false) {
  const canvas = makeCanvas(width, height);
  const ctx = context(canvas, reads);
  ctx.imageSmoothingQuality = "high";
  ctx.drawImage(source, 0, 0, canvas.width, canvas.height);
  return canvas;
}

/**
 * A large picture reduced; the browser does it beside the page, which stays quick.
 * @param {ImageBitmap|ImageData|HTMLCanvasElement} source
 * @param {number} longest
 */
export async function reduced(source, longest) {
  const { width, height } = fit(source.width, source.height, longest);
  if (width === source.width) return source instanceof ImageData ? fromData(source) : drawn(source, width, height);
  const bitmap = await createImageBitmap(source, { resizeWidth: width, resizeHeight: height, resizeQuality: "high" });
  const canvas = drawn(bitmap, width, height);
  bitmap.close();
  return canvas;
}

/**
 * @param {ImageData} data
 * @returns {HTMLCanvasElement}
 */
export function fromData(data) {
  const canvas = makeCanvas(data.width, data.height);
  context(canvas).putImageData(data, 0, 0);
  return canvas;
}

/**
 * Write a canvas as a file.
 * @param {HTMLCanvasElement} canvas
 * @param {string} type
 * @param {number} [quality]
 * @returns {Promise<Blob>}
 */
export function encode(canvas, type, quality) {
  return new Promise((resolve, reject) => {
    canvas.toBlob(
      (blob) =>
        blob && blob.type === type
          ? resolve(blob)
          : reject(new Error(`cannot write ${type.replace("image/", "")}: this browser does not write it; use PNG`)),
      type,
      quality,
    );
  });
}

/** @type {WeakMap<Blob, {width: number, height: number}>} */
const sizes = new WeakMap();

/** The size of a thumbnail that was made here. @param {Blob} thumb */
export const sizeOf = (thumb) => sizes.get(thumb);

/**
 * A small picture of a picture, for lists.
 * @param {CanvasImageSource & {width: number, height: number}} source
 * @param {number} [longest]
 */
export async function thumbnail(source, longest = 240) {
  const { width, height } = fit(source.width, source.height, longest);
  const blob = await encode(drawn(source, width, height), "image/jpeg", 0.85);
  sizes.set(blob, { width, height });
  return blob;
}
