// Paints with strokes of any size; the same as impasto/inference/stroke_size.py.

import { emptyPicture } from "./pixels.js";
import { roundEven } from "./predictor.js";
import { BICUBIC, LANCZOS, resizeFloats, resizePicture } from "./resample.js";
import { paintTiled } from "./tiling.js";

/** @typedef {import("./pixels.js").Picture} Picture */
/** @typedef {import("./tiling.js").Limits} Limits */
/** @typedef {import("./watch.js").Watch} Watch */
/** @typedef {import("./prepared.js").PreparedStyle} PreparedStyle */

const MIN_STROKE = 0.25;
const MAX_STROKE = 16;
const RADIUS = 3; // reduced pixels on each side of the one that a linear function is fitted around
const EPSILON = 1e-3; // squared difference of colors in 0..1, below which they form no edge
const COLOR_BLUR = 1.5; // standard deviations of Gaussians, in reduced pixels
const STROKE_BLUR = 0.6;
const DETAIL_COLOR = 0.3; // share of the finest strokes' colors, which are fringes in part
const BAND_MARGIN = 2 * RADIUS + 10; // reduced pixels read around a band
const BAND_PIXELS = 1_000_000; // pixels computed at a time
const AUTO_SIDE = 1024; // pixels of the long side up to which automatic strokes are the network's

/**
 * Chooses the size of strokes for a picture: larger ones on large pictures.
 * @param {number} height
 * @param {number} width
 */
export function autoStroke(height, width) {
  return Math.min(MAX_STROKE, Math.max(1, Math.max(height, width) / AUTO_SIDE));
}

/**
 * Paints a picture with strokes of a size.
 * @param {Picture} picture
 * @param {PreparedStyle} prepared
 * @param {number} stroke 1 as the network paints, 2 twice as large
 * @param {Limits} limits
 * @param {Watch} watch
 * @returns {Promise<Picture>}
 */
export async function paintStrokes(picture, prepared, stroke, limits, watch) {
  if (!(stroke >= MIN_STROKE && stroke <= MAX_STROKE)) {
    throw new Error(`cannot paint with stroke ${stroke}; choose ${MIN_STROKE} to ${MAX_STROKE}`);
  }
  if (!prepared.passes.length) return picture;
  const height = Math.max(1, roundEven(picture.height / stroke));
  const width = Math.max(1, roundEven(picture.width / stroke));
  if (height === picture.height && width === picture.width) {
    return paintTiled(picture, prepared, limits, watch);
  }
  const resized = resizePicture(picture, height, width);
  if (stroke < 1) {
    const painted = await paintTiled(resized, prepared, limits, watch);
    return resizePicture(painted, picture.height, picture.width);
  }
  const share = 1 / (1 + stroke ** 2);
  const fine = await paintTiled(picture, prepared, limits, watch.part(1 - share));
  const large = await paintTiled(resized, prepared, limits, watch.part(share));
  return enlarge(picture, resized, large, fine, prepared.strength / stroke, watch);
}

/**
 * Enlarges a painting of a reduced picture.
 * @param {Picture} picture at full size
 * @param {Picture} reduced
 * @param {Picture} large painting of the reduced picture
 * @param {Picture} fine painting of the full picture, whose finest strokes are added
 * @param {number} detail share of the finest strokes
 * @param {Watch} watch
 */
async function enlarge(picture, reduced, large, fine, detail, watch) {
  const { height, width } = picture;
  const result = emptyPicture(height, width);
  const smooth = resizePicture(resizePicture(fine, large.height, large.width), height, width);
  const scale = height / large.height;
  const step = Math.max(1, Math.floor(BAND_PIXELS / width));
  for (let start = 0; start < height; start += step) {
    const stop = Math.min(height, start + step);
    const top = Math.max(0, Math.floor(start / scale) - BAND_MARGIN);
    const bottom = Math.min(large.height, Math.floor(stop / scale) + 1 + BAND_MARGIN);
    const band = enlargeBand(picture, rowsOf(reduced, top, bottom), rowsOf(large, top, bottom), {
      start,
      stop,
      box: [0, start / scale - top, large.width, Math.min(stop / scale, large.height) - top],
    });
    addFinest(band, fine, smooth, start, detail);
    const to = start * width * 3;
    for (let place = 0; place < band.length; place++) {
      result.data[to + place] = Math.min(255, Math.max(0, band[place] * 255 + 0.5));
    }
    await watch.breathe();
  }
  return result;
}

/**
 * Values of a band: float32, height rows of width places of some channels.
 * @typedef {{height: number, width: number, channels: number, data: Float32Array}} Values
 */

/**
 * @param {Picture} picture
 * @param {number} top
 * @param {number} bottom
 * @returns {Values}
 */
function rowsOf({ width, data }, top, bottom) {
  const rows = data.subarray(top * width * 3, bottom * width * 3);
  const values = new Float32Array(rows.length);
  for (let place = 0; place < rows.length; place++) values[place] = rows[place] / 255;
  return { height: bottom - top, width, channels: 3, data: values };
}

/**
 * Computes a band at full size, without the finest strokes: float32 (rows, width, 3).
 * @param {Picture} picture
 * @param {Values} reduced
 * @param {Values} large
 * @param {{start: number, stop: number, box: import("./resample.js").Box}} place
 */
function enlargeBand(picture, reduced, large, { start, stop, box }) {
  const light = lightOf(large);
  const colors = subtractLight(large, light);
  const target = addLight(gaussianBlur(colors, COLOR_BLUR), light);
  const { slopes, offsets } = guidedFilter(reduced, target);
  const strokes = gaussianBlur(subtract(target, mapColors(slopes, offsets, reduced)), STROKE_BLUR);
  const rows = stop - start;
  const resized = [slopes, offsets, strokes].map(({ data, height, width, channels }) =>
    resizeFloats(data, height, width, rows, picture.width, { filter: BICUBIC, box, channels }),
  );
  const [fullSlopes, fullOffsets, fullStrokes] = resized;
  const full = new Float32Array(rows * picture.width * 3);
  const from = start * picture.width * 3;
  for (let pixel = 0, place = 0; place < full.length; pixel++, place += 3) {
    const red = picture.data[from + place] / 255;
    const green = picture.data[from + place + 1] / 255;
    const blue = picture.data[from + place + 2] / 255;
    const slope = pixel * 9;
    for (let channel = 0; channel < 3; channel++) {
      full[place + channel] =
        red * fullSlopes[slope + channel] +
        green * fullSlopes[slope + 3 + channel] +
        blue * fullSlopes[slope + 6 + channel] +
        fullOffsets[place + channel] +
        fullStrokes[place + channel];
    }
  }
  return full;
}

/**
 * Adds the part of the fine painting that the reduced size cannot show.
 * @param {Float32Array} band
 * @param {Picture} fine
 * @param {Picture} smooth the fine painting, reduced and enlarged
 * @param {number} start first row of the band
 * @param {number} detail
 */
function addFinest(band, fine, smooth, start, detail) {
  const from = start * fine.width * 3;
  for (let place = 0; place < band.length; place += 3) {
    const finest = [0, 1, 2].map(
      (channel) => (fine.data[from + place + channel] - smooth.data[from + place + channel]) / 255,
    );
    const light = (finest[0] + finest[1] + finest[2]) / 3;
    for (let channel = 0; channel < 3; channel++) {
      band[place + channel] += detail * (light + DETAIL_COLOR * (finest[channel] - light));
    }
  }
}

/**
 * Fits, around each pixel, a picture's colors as a linear function of another picture's.
 * @param {Values} guide
 * @param {Values} target
 * @returns {{slopes: Values, offsets: Values}} slopes from input to output channel, 9 each
 */
function guidedFilter(guide, target) {
  const meanGuide = boxMean(guide).data;
  const meanTarget = boxMean(target).data;
  const squares = boxMean(products(guide, guide)).data;
  const crossed = boxMean(products(guide, target)).data;
  const { height, width } = guide;
  const slopes = new Float32Array(height * width * 9);
  const offsets = new Float32Array(height * width * 3);
  const matrix = new Float64Array(9);
  const right = new Float64Array(9);
  for (let pixel = 0; pixel < height * width; pixel++) {
    const [color, cell] = [pixel * 3, pixel * 9];
    for (let row = 0; row < 3; row++) {
      for (let column = 0; column < 3; column++) {
        const place = row * 3 + column;
        matrix[place] =
          squares[cell + place] - meanGuide[color + row] * meanGuide[color + column];
        right[place] = crossed[cell + place] - meanGuide[color + row] * meanTarget[color + column];
      }
      matrix[row * 4] += EPSILON;
    }
    solve(matrix, right);
    slopes.set(right, cell);
    for (let channel = 0; channel < 3; channel++) {
      offsets[color + channel] =
        meanTarget[color + channel] -
        (meanGuide[color] * right[channel] +
          meanGuide[color + 1] * right[3 + channel] +
          meanGuide[color + 2] * right[6 + channel]);
    }
  }
  return {
    slopes: boxMean({ height, width, channels: 9, data: slopes }),
    offsets: boxMean({ height, width, channels: 3, data: offsets }),
  };
}

/**
 * Solves matrix x = right in place, (3, 3) each; the matrix is symmetric and positive definite.
 * @param {Float64Array} matrix
 * @param {Float64Array} right becomes x
 */
function solve(matrix, right) {
  for (let pivot = 0; pivot < 3; pivot++) {
    for (let row = pivot + 1; row < 3; row++) {
      const factor = matrix[row * 3 + pivot] / matrix[pivot * 4];
      for (let column = 0; column < 3; column++) {
        matrix[row * 3 + column] -= factor * matrix[pivot * 3 + column];
        right[row * 3 + column] -= factor * right[pivot * 3 + column];
      }
    }
  }
  for (let row = 2; row >= 0; row--) {
    for (let column = 0; column < 3; column++) {
      let value = right[row * 3 + column];
      for (let k = row + 1; k < 3; k++) value -= matrix[row * 3 + k] * right[k * 3 + column];
      right[row * 3 + column] = value / matrix[row * 4];
    }
  }
}

/**
 * @param {Values} first
 * @param {Values} second
 * @returns {Values} products of all pairs of channels
 */
function products(first, second) {
  const { height, width } = first;
  const data = new Float32Array(height * width * 9);
  for (let pixel = 0; pixel < height * width; pixel++) {
    for (let row = 0; row < 3; row++) {
      for (let column = 0; column < 3; column++) {
        data[pixel * 9 + row * 3 + column] =
          first.data[pixel * 3 + row] * second.data[pixel * 3 + column];
      }
    }
  }
  return { height, width, channels: 9, data };
}

/** @param {Values} values */
const boxMean = (values) =>
  convolve(values, new Float32Array(2 * RADIUS + 1).fill(1 / (2 * RADIUS + 1)));

/**
 * @param {Values} values
 * @param {number} deviation
 */
function gaussianBlur(values, deviation) {
  const reach = Math.ceil(3 * deviation);
  const weights = Float32Array.from({ length: 2 * reach + 1 }, (_, place) =>
    Math.exp(-0.5 * ((place - reach) / deviation) ** 2),
  );
  const sum = weights.reduce((total, weight) => total + weight, 0);
  return convolve(values, weights.map((weight) => weight / sum));
}

/**
 * Convolves with the same weights down and across; mirrored at the edges.
 * @param {Values} values
 * @param {Float32Array} weights
 * @returns {Values}
 */
function convolve({ height, width, channels, data }, weights) {
  const reach = weights.length >> 1;
  const stride = width * channels;
  const down = new Float32Array(data.length);
  for (let row = 0; row < height; row++) {
    const to = row * stride;
    for (let tap = 0; tap < weights.length; tap++) {
      const from = mirror(row + tap - reach, height) * stride;
      const weight = weights[tap];
      for (let place = 0; place < stride; place++) down[to + place] += weight * data[from + place];
    }
  }
  const across = new Float32Array(data.length);
  const taps = Array.from({ length: width }, (_, column) =>
    Int32Array.from(weights, (_, tap) => mirror(column + tap - reach, width) * channels),
  );
  for (let row = 0; row < height; row++) {
    for (let column = 0; column < width; column++) {
      const to = row * stride + column * channels;
      const places = taps[column];
      for (let tap = 0; tap < weights.length; tap++) {
        const from = row * stride + places[tap];
        const weight = weights[tap];
        for (let channel = 0; channel < channels; channel++) {
          across[to + channel] += weight * down[from + channel];
        }
      }
    }
  }
  return { height, width, channels, data: across };
}

/**
 * @param {number} place
 * @param {number} side
 */
function mirror(place, side) {
  const turn = ((place % (2 * side)) + 2 * side) % (2 * side);
  return turn < side ? turn : 2 * side - 1 - turn;
}

/** @param {Values} values */
function lightOf({ data }) {
  const light = new Float32Array(data.length / 3);
  for (let pixel = 0, place = 0; pixel < light.length; pixel++, place += 3) {
    light[pixel] = (data[place] + data[place + 1] + data[place + 2]) / 3;
  }
  return light;
}

/**
 * @param {Values} values
 * @param {Float32Array} light
 * @returns {Values}
 */
function subtractLight(values, light) {
  return { ...values, data: values.data.map((value, place) => value - light[(place / 3) | 0]) };
}

/**
 * @param {Values} values
 * @param {Float32Array} light
 * @returns {Values}
 */
function addLight(values, light) {
  return { ...values, data: values.data.map((value, place) => value + light[(place / 3) | 0]) };
}

/**
 * @param {Values} first
 * @param {Values} second
 * @returns {Values}
 */
function subtract(first, second) {
  return { ...first, data: first.data.map((value, place) => value - second.data[place]) };
}

/**
 * Applies linear functions to colors.
 * @param {Values} slopes
 * @param {Values} offsets
 * @param {Values} colors
 * @returns {Values}
 */
function mapColors(slopes, offsets, colors) {
  const data = colors.data.slice();
  for (let pixel = 0, place = 0; place < data.length; pixel++, place += 3) {
    for (let channel = 0; channel < 3; channel++) {
      const slope = pixel * 9 + channel;
      data[place + channel] =
        colors.data[place] * slopes.data[slope] +
        colors.data[place + 1] * slopes.data[slope + 3] +
        colors.data[place + 2] * slopes.data[slope + 6] +
        offsets.data[place + channel];
    }
  }
  return { ...colors, data };
}
