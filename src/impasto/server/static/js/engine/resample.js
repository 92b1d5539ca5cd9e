// Resizes pictures as Pillow does, bit for bit: by the same filters in the same fixed-point numbers.
// The same as Resample.c of Pillow, after which the filters are written.

/** @typedef {import("./pixels.js").Picture} Picture */
/** @typedef {{support: number, at: (x: number) => number}} Filter */

const PRECISION_BITS = 22;

/** @type {Filter} */
export const LANCZOS = {
  support: 3,
  at: (x) => (x >= -3 && x < 3 ? sinc(x) * sinc(x / 3) : 0),
};

/** @type {Filter} */
export const BICUBIC = {
  support: 2,
  at: (x) => {
    x = Math.abs(x);
    if (x < 1) return (1.5 * x - 2.5) * x * x + 1;
    return x < 2 ? ((-0.5 * x + 2.5) * x - 4) * x + 2 : 0;
  },
};

/** @type {Filter} */
export const BILINEAR = { support: 1, at: (x) => Math.max(0, 1 - Math.abs(x)) };

/** @param {number} x */
function sinc(x) {
  if (x === 0) return 1;
  x *= Math.PI;
  return Math.sin(x) / x;
}

/**
 * The weights of one axis: for each place of the result, the first source place and the weights.
 * @typedef {{first: Int32Array, count: Int32Array, weights: Float64Array, taps: number}} Weights
 */

/**
 * @param {number} size places of the source
 * @param {number} start of the part that is read
 * @param {number} stop
 * @param {number} length places of the result
 * @param {Filter} filter
 * @returns {Weights}
 */
function makeWeights(size, start, stop, length, { support, at }) {
  const scale = (stop - start) / length;
  const stretch = Math.max(scale, 1);
  const reach = support * stretch;
  const taps = Math.ceil(reach) * 2 + 1;
  const first = new Int32Array(length);
  const count = new Int32Array(length);
  const weights = new Float64Array(length * taps);
  for (let place = 0; place < length; place++) {
    const center = start + (place + 0.5) * scale;
    const from = Math.max(0, Math.trunc(center - reach + 0.5));
    const to = Math.min(size, Math.trunc(center + reach + 0.5));
    let sum = 0;
    for (let tap = 0; tap < to - from; tap++) {
      const weight = at((tap + from - center + 0.5) / stretch);
      weights[place * taps + tap] = weight;
      sum += weight;
    }
    if (sum) for (let tap = 0; tap < to - from; tap++) weights[place * taps + tap] /= sum;
    first[place] = from;
    count[place] = to - from;
  }
  return { first, count, weights, taps };
}

/**
 * A part of a picture: left, top, right and bottom, in pixels and fractions of pixels.
 * @typedef {[number, number, number, number]} Box
 */

/**
 * Resizes a picture of 8 bits.
 * @param {Picture} picture
 * @param {number} height
 * @param {number} width
 * @param {{filter?: Filter, box?: Box, channels?: number}} [options]
 * @returns {Picture}
 */
export function resizePicture(picture, height, width, { filter = LANCZOS, box, channels = 3 } = {}) {
  const [left, top, right, bottom] = box ?? [0, 0, picture.width, picture.height];
  let { data } = picture;
  let rows = picture.height;
  const needsAcross = width !== picture.width || left !== 0 || right !== width;
  const needsDown = height !== picture.height || top !== 0 || bottom !== height;
  if (needsAcross) {
    const across = toFixed(makeWeights(picture.width, left, right, width, filter));
    data = resizeAcross(data, rows, picture.width, width, channels, across);
  }
  if (needsDown) {
    const down = toFixed(makeWeights(picture.height, top, bottom, height, filter));
    data = resizeDown(data, width * channels, height, down);
    rows = height;
  }
  return { height: rows, width, data: data === picture.data ? data.slice() : data };
}

/** @typedef {{first: Int32Array, count: Int32Array, weights: Int32Array, taps: number}} Fixed */

/**
 * @param {Weights} weights
 * @returns {Fixed}
 */
function toFixed({ first, count, weights, taps }) {
  const fixed = Int32Array.from(weights, (weight) =>
    Math.trunc((weight < 0 ? -0.5 : 0.5) + weight * 2 ** PRECISION_BITS),
  );
  return { first, count, weights: fixed, taps };
}

/** @param {number} sum */
function clip(sum) {
  const level = sum >> PRECISION_BITS;
  return level < 0 ? 0 : level > 255 ? 255 : level;
}

/**
 * @param {Uint8Array} data
 * @param {number} rows
 * @param {number} width
 * @param {number} newWidth
 * @param {number} channels
 * @param {Fixed} weights
 */
function resizeAcross(data, rows, width, newWidth, channels, { first, count, weights, taps }) {
  const result = new Uint8Array(rows * newWidth * channels);
  for (let row = 0, to = 0; row < rows; row++) {
    const line = row * width;
    for (let place = 0; place < newWidth; place++) {
      const start = (line + first[place]) * channels;
      const stop = count[place];
      const table = place * taps;
      for (let channel = 0; channel < channels; channel++) {
        let sum = 1 << (PRECISION_BITS - 1);
        for (let tap = 0, from = start + channel; tap < stop; tap++, from += channels) {
          sum += data[from] * weights[table + tap];
        }
        result[to++] = clip(sum);
      }
    }
  }
  return result;
}

/**
 * @param {Uint8Array} data
 * @param {number} stride numbers a row
 * @param {number} height
 * @param {Fixed} weights
 */
function resizeDown(data, stride, height, { first, count, weights, taps }) {
  const result = new Uint8Array(height * stride);
  const sums = new Float64Array(stride);
  for (let row = 0; row < height; row++) {
    sums.fill(1 << (PRECISION_BITS - 1));
    for (let tap = 0; tap < count[row]; tap++) {
      const weight = weights[row * taps + tap];
      const line = (first[row] + tap) * stride;
      for (let place = 0; place < stride; place++) sums[place] += data[line + place] * weight;
    }
    for (let place = 0; place < stride; place++) result[row * stride + place] = clip(sums[place]);
  }
  return result;
}

/**
 * Resizes planes of floats.
 * @param {Float32Array} data one plane, or several that are interleaved
 * @param {number} rows
 * @param {number} columns
 * @param {number} height
 * @param {number} width
 * @param {{filter: Filter, box: Box, channels: number}} options
 * @returns {Float32Array}
 */
export function resizeFloats(data, rows, columns, height, width, { filter, box, channels }) {
  const [left, top, right, bottom] = box;
  const across = makeWeights(columns, left, right, width, filter);
  const down = makeWeights(rows, top, bottom, height, filter);
  const needsAcross = width !== columns || left !== 0 || right !== width;
  const needsDown = height !== rows || top !== 0 || bottom !== height;
  let values = data;
  if (needsAcross) {
    const result = new Float32Array(rows * width * channels);
    for (let row = 0, to = 0; row < rows; row++) {
      for (let place = 0; place < width; place++) {
        const start = (row * columns + across.first[place]) * channels;
        for (let channel = 0; channel < channels; channel++) {
          let sum = 0;
          for (let tap = 0; tap < across.count[place]; tap++) {
            sum += data[start + tap * channels + channel] * across.weights[place * across.taps + tap];
          }
          result[to++] = sum;
        }
      }
    }
    values = result;
  }
  if (!needsDown) return values;
  const stride = width * channels;
  const result = new Float32Array(height * stride);
  const sums = new Float64Array(stride);
  for (let row = 0; row < height; row++) {
    sums.fill(0);
    for (let tap = 0; tap < down.count[row]; tap++) {
      const weight = down.weights[row * down.taps + tap];
      const line = (down.first[row] + tap) * stride;
      for (let place = 0; place < stride; place++) sums[place] += values[line + place] * weight;
    }
    result.set(sums, row * stride);
  }
  return result;
}
