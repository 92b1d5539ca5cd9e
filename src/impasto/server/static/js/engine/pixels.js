// Pictures in memory: RGB, and the planes of floats that networks take.

/**
 * A picture: uint8, height rows of width pixels of red, green and blue.
 * @typedef {{height: number, width: number, data: Uint8Array}} Picture
 */

export const MULTIPLE = 16; // sides of a network's image are multiples of this
export const MIN_SIDE = 64; // pixels; shorter sides are padded
export const MARGIN = 32; // mirrored pixels that are painted and cut off

/**
 * @param {number} height
 * @param {number} width
 * @returns {Picture}
 */
export const emptyPicture = (height, width) => ({
  height,
  width,
  data: new Uint8Array(height * width * 3),
});

/**
 * Mirrors a picture beyond its edges: by the margin, and on to sides that networks take.
 * @param {Picture} picture
 * @returns {Picture}
 */
export function pad({ height, width, data }) {
  const padded = emptyPicture(paddedSide(height), paddedSide(width));
  const columns = mirroredPlaces(width, padded.width).map((place) => 3 * place);
  const rows = mirroredPlaces(height, padded.height);
  for (let row = 0, to = 0; row < padded.height; row++) {
    const line = rows[row] * width * 3;
    for (let column = 0; column < padded.width; column++) {
      const from = line + columns[column];
      padded.data[to++] = data[from];
      padded.data[to++] = data[from + 1];
      padded.data[to++] = data[from + 2];
    }
  }
  return padded;
}

/** @param {number} side */
function paddedSide(side) {
  const least = Math.max(side + 2 * MARGIN, MIN_SIDE);
  return Math.ceil(least / MULTIPLE) * MULTIPLE;
}

/**
 * @param {number} side
 * @param {number} paddedLength
 */
function mirroredPlaces(side, paddedLength) {
  return Int32Array.from({ length: paddedLength }, (_, place) => {
    const turn = (((place - MARGIN) % (2 * side)) + 2 * side) % (2 * side);
    return turn < side ? turn : 2 * side - 1 - turn;
  });
}

/**
 * Cuts a part out of a picture.
 * @param {Picture} picture
 * @param {number} top
 * @param {number} left
 * @param {number} height
 * @param {number} width
 * @returns {Picture}
 */
export function crop(picture, top, left, height, width) {
  const part = emptyPicture(height, width);
  paste(part, 0, 0, picture, top, left, height, width);
  return part;
}

/**
 * Copies a part of one picture into another.
 * @param {Picture} target
 * @param {number} targetTop
 * @param {number} targetLeft
 * @param {Picture} source
 * @param {number} top
 * @param {number} left
 * @param {number} height
 * @param {number} width
 */
export function paste(target, targetTop, targetLeft, source, top, left, height, width) {
  for (let row = 0; row < height; row++) {
    const from = ((top + row) * source.width + left) * 3;
    const to = ((targetTop + row) * target.width + targetLeft) * 3;
    target.data.set(source.data.subarray(from, from + 3 * width), to);
  }
}

/**
 * Converts levels to planes of 0..1, float32 (3, height, width).
 * @param {Picture} picture
 * @returns {Float32Array}
 */
export function toPlanes({ height, width, data }) {
  const size = height * width;
  const planes = new Float32Array(3 * size);
  for (let pixel = 0, from = 0; pixel < size; pixel++) {
    planes[pixel] = data[from++] / 255;
    planes[size + pixel] = data[from++] / 255;
    planes[2 * size + pixel] = data[from++] / 255;
  }
  return planes;
}

/**
 * Converts planes of 0..1 to levels, rounded as Python does.
 * @param {Float32Array} planes
 * @param {number} height
 * @param {number} width
 * @returns {Picture}
 */
export function fromPlanes(planes, height, width) {
  const picture = emptyPicture(height, width);
  const size = height * width;
  const { data } = picture;
  for (let pixel = 0, to = 0; pixel < size; pixel++) {
    data[to++] = planes[pixel] * 255 + 0.5;
    data[to++] = planes[size + pixel] * 255 + 0.5;
    data[to++] = planes[2 * size + pixel] * 255 + 0.5;
  }
  return picture;
}

/**
 * Draws the picture that engines are tested by, as impasto/server/site.py does.
 * @param {number} side
 * @returns {Picture}
 */
export function testPicture(side) {
  const picture = emptyPicture(side, side);
  for (let place = 0; place < picture.data.length; place++) {
    const channel = place % 3;
    const column = Math.floor(place / 3) % side;
    const row = Math.floor(place / 3 / side);
    picture.data[place] = column * (3 + channel) + row * (5 - channel);
  }
  return picture;
}

/**
 * @param {Picture} first
 * @param {Picture | Uint8Array} second
 */
export function largestDifference(first, second) {
  const other = second instanceof Uint8Array ? second : second.data;
  if (other.length !== first.data.length) return Infinity;
  return first.data.reduce((most, level, place) => Math.max(most, Math.abs(level - other[place])), 0);
}
