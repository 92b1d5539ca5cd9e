// Color modes: give a painting the colors of its photograph; the same as impasto/inference/color.py.

import { emptyPicture } from "./pixels.js";

/** @typedef {import("./pixels.js").Picture} Picture */
/** @typedef {number[][]} Matrix 3 rows of 3 numbers */

/** Names of all modes, as `--color` takes them. */
export const MODES = [
  "style", "luminance", "histogram", "linear-cholesky", "linear-pca", "linear-mkl",
];
const LUMA = [0.299, 0.587, 0.114]; // weights of red, green and blue in luminance
const FLOAT_LUMA = LUMA.map(Math.fround);
const MIN_VARIANCE = 1; // squared levels; a color direction with less is rounding, not color
const MIN_TARGET_VARIANCE = 1e-9;
const LEVELS = 256;

/**
 * A mode and its amount, 0..1.
 * @param {string} text such as "luminance" or "linear-mkl:0.5"
 * @returns {{mode: string, amount: number}}
 */
export function parseColor(text) {
  const [name, number] = text.split(":");
  const mode = name === "none" ? "style" : name;
  const amount = number === undefined ? 1 : Number(number);
  if (!MODES.includes(mode)) {
    throw new Error(`cannot use the color mode ${mode}; use ${MODES.join(", ")}`);
  }
  if (!(amount >= 0 && amount <= 1)) {
    throw new Error(`cannot use ${number} as the amount of ${mode}; give a number from 0 to 1`);
  }
  return { mode, amount };
}

/**
 * The colors of a picture, in levels: means, covariance and histograms of red, green and blue.
 * @typedef {{mean: number[], cov: Matrix, histograms: Float64Array[]}} Palette
 */

/**
 * Measures the palette of a picture.
 * @param {Picture} picture
 * @param {number} [step] measures one of so many pixels across and down
 * @returns {Palette}
 */
export function measurePalette({ height, width, data }, step = 1) {
  const counts = [0, 1, 2].map(() => new Float64Array(LEVELS));
  const products = new Float64Array(6); // sums of the products of channels; whole numbers
  let size = 0;
  for (let row = 0; row < height; row += step) {
    const end = (row + 1) * width * 3;
    for (let from = row * width * 3; from < end; from += 3 * step) {
      const red = data[from];
      const green = data[from + 1];
      const blue = data[from + 2];
      counts[0][red]++;
      counts[1][green]++;
      counts[2][blue]++;
      products[0] += red * red;
      products[1] += red * green;
      products[2] += red * blue;
      products[3] += green * green;
      products[4] += green * blue;
      products[5] += blue * blue;
      size++;
    }
  }
  const mean = counts.map((count) => count.reduce((sum, each, level) => sum + each * level, 0) / size);
  const places = [[0, 1, 2], [1, 3, 4], [2, 4, 5]];
  const cov = places.map((row, first) =>
    row.map((place, second) => products[place] / size - mean[first] * mean[second]),
  );
  return { mean, cov, histograms: counts.map((count) => count.map((each) => each / size)) };
}

/**
 * Interpolates between two palettes.
 * @param {Palette} first
 * @param {Palette} second
 * @param {number} share of the second
 * @returns {Palette}
 */
export function palettesTowards(first, second, share) {
  const blend = (/** @type {number} */ start, /** @type {number} */ end) => start + share * (end - start);
  return {
    mean: first.mean.map((value, place) => blend(value, second.mean[place])),
    cov: first.cov.map((row, y) => row.map((value, x) => blend(value, second.cov[y][x]))),
    histograms: first.histograms.map((values, channel) =>
      values.map((value, level) => blend(value, second.histograms[channel][level])),
    ),
  };
}

/**
 * A fitted change of colors: writes the new red, green and blue of a pixel, not yet clipped.
 * @typedef {(painted: Uint8Array, photo: Uint8Array, place: number, into: Float32Array) => void} Change
 */

/**
 * Fits the change that takes the colors of a painting to those of its photograph.
 * @param {string} mode any mode except "style"
 * @param {() => [Palette, Palette]} palettes of the painting and the photograph
 * @returns {Change}
 */
export function fitRecoloring(mode, palettes) {
  if (mode === "luminance") return changeLuminance;
  const [painted, photo] = palettes();
  if (mode === "histogram") {
    const curves = painted.histograms.map((histogram, channel) =>
      Float32Array.from(matchHistogram(histogram, photo.histograms[channel])),
    );
    return (pixels, _, place, into) => {
      for (let channel = 0; channel < 3; channel++) {
        into[channel] = curves[channel][pixels[place + channel]];
      }
    };
  }
  const fits = { "linear-cholesky": fitCholesky, "linear-pca": fitPca, "linear-mkl": fitMkl };
  const matrix = fits[/** @type {keyof typeof fits} */ (mode)](painted.cov, photo.cov);
  const moved = multiply(matrix, painted.mean.map((value) => [value]));
  const offset = photo.mean.map((value, channel) => Math.fround(value - moved[channel][0]));
  const rows = matrix.map((row) => row.map(Math.fround));
  return (pixels, _, place, into) => {
    for (let channel = 0; channel < 3; channel++) {
      const [red, green, blue] = rows[channel];
      into[channel] =
        red * pixels[place] + green * pixels[place + 1] + blue * pixels[place + 2] + offset[channel];
    }
  };
}

/** @type {Change} */
function changeLuminance(painted, photo, place, into) {
  const change =
    FLOAT_LUMA[0] * (painted[place] - photo[place]) +
    FLOAT_LUMA[1] * (painted[place + 1] - photo[place + 1]) +
    FLOAT_LUMA[2] * (painted[place + 2] - photo[place + 2]);
  for (let channel = 0; channel < 3; channel++) into[channel] = photo[place + channel] + change;
}

/**
 * Recolors a painting.
 * @param {Picture} painted
 * @param {Picture} photo
 * @param {Change} change
 * @param {number} amount
 * @returns {Picture}
 */
export function recolor(painted, photo, change, amount) {
  const result = emptyPicture(painted.height, painted.width);
  const colors = new Float32Array(3);
  for (let place = 0; place < result.data.length; place += 3) {
    change(painted.data, photo.data, place, colors);
    if (amount !== 1) {
      for (let channel = 0; channel < 3; channel++) {
        const level = painted.data[place + channel];
        colors[channel] = level + Math.fround(amount) * (colors[channel] - level);
      }
    }
    clipToGamut(colors);
    for (let channel = 0; channel < 3; channel++) {
      result.data[place + channel] = Math.min(255, Math.max(0, Math.fround(colors[channel] + 0.5)));
    }
  }
  return result;
}

/**
 * Clips colors by reducing chrominance, so that luminance and hue stay.
 * @param {Float32Array} colors
 */
function clipToGamut(colors) {
  const [red, green, blue] = colors;
  if (Math.min(red, green, blue) >= -0.5 && Math.max(red, green, blue) <= 255.5) return;
  const luminance = FLOAT_LUMA[0] * red + FLOAT_LUMA[1] * green + FLOAT_LUMA[2] * blue;
  const gray = Math.min(255, Math.max(0, luminance));
  let room = 1;
  for (let channel = 0; channel < 3; channel++) {
    const chrominance = colors[channel] - gray;
    const most = chrominance > 0 ? 255 - gray : gray;
    room = Math.min(room, most / Math.max(1e-6, Math.abs(chrominance)));
  }
  for (let channel = 0; channel < 3; channel++) {
    colors[channel] = gray + (colors[channel] - gray) * Math.max(0, room);
  }
}

/**
 * Returns, for each level, the level of the same cumulative share in the target.
 * @param {Float64Array} histogram
 * @param {Float64Array} target
 */
function matchHistogram(histogram, target) {
  /** @type {number[]} */
  const levels = [];
  /** @type {number[]} */
  const shares = [];
  let sum = 0;
  for (let level = 0; level < LEVELS; level++) {
    sum += target[level];
    if (target[level]) {
      levels.push(level);
      shares.push(sum);
    }
  }
  sum = 0;
  return histogram.map((count) => {
    sum += count;
    return interpolate(sum, shares, levels);
  });
}

/**
 * Interpolates linearly, as `numpy.interp`.
 * @param {number} x
 * @param {number[]} places increasing
 * @param {number[]} values
 */
function interpolate(x, places, values) {
  const last = places.length - 1;
  if (x >= places[last]) return values[last];
  if (x <= places[0]) return values[0];
  let next = places.findIndex((place) => place > x);
  const before = next - 1;
  const slope = (values[next] - values[before]) / (places[next] - places[before]);
  return slope * (x - places[before]) + values[before];
}

/**
 * @param {Matrix} first
 * @param {Matrix} second
 * @returns {Matrix}
 */
function multiply(first, second) {
  return first.map((row) =>
    second[0].map((_, column) => row.reduce((sum, value, place) => sum + value * second[place][column], 0)),
  );
}

/**
 * @param {Matrix} matrix
 * @returns {Matrix}
 */
const transpose = (matrix) => matrix[0].map((_, column) => matrix.map((row) => row[column]));

/**
 * Decomposes a symmetric matrix by Jacobi rotations: eigenvalues, and eigenvectors in columns.
 * @param {Matrix} matrix
 * @returns {{values: number[], vectors: Matrix}}
 */
function decompose(matrix) {
  const a = matrix.map((row) => row.slice());
  const vectors = [[1, 0, 0], [0, 1, 0], [0, 0, 1]];
  for (let sweep = 0; sweep < 50; sweep++) {
    for (const [p, q] of [[0, 1], [0, 2], [1, 2]]) {
      if (Math.abs(a[p][q]) < 1e-300) continue;
      const theta = (a[q][q] - a[p][p]) / (2 * a[p][q]);
      const t = Math.sign(theta || 1) / (Math.abs(theta) + Math.sqrt(theta * theta + 1));
      const c = 1 / Math.sqrt(t * t + 1);
      const s = t * c;
      for (let k = 0; k < 3; k++) {
        [a[k][p], a[k][q]] = [c * a[k][p] - s * a[k][q], s * a[k][p] + c * a[k][q]];
      }
      for (let k = 0; k < 3; k++) {
        [a[p][k], a[q][k]] = [c * a[p][k] - s * a[q][k], s * a[p][k] + c * a[q][k]];
      }
      for (let k = 0; k < 3; k++) {
        const [first, second] = [vectors[k][p], vectors[k][q]];
        [vectors[k][p], vectors[k][q]] = [c * first - s * second, s * first + c * second];
      }
    }
  }
  return { values: [0, 1, 2].map((place) => Math.max(0, a[place][place])), vectors };
}

/**
 * Returns vectors diag(change(values)) vectors^T.
 * @param {Matrix} matrix
 * @param {(value: number) => number} change
 * @returns {Matrix}
 */
function spectral(matrix, change) {
  const { values, vectors } = decompose(matrix);
  const scaled = vectors.map((row) => row.map((value, place) => value * change(values[place])));
  return multiply(scaled, transpose(vectors));
}

const root = (/** @type {Matrix} */ matrix) => spectral(matrix, Math.sqrt);
const inverseRoot = (/** @type {Matrix} */ matrix) =>
  spectral(matrix, (value) => (value > MIN_VARIANCE ? 1 / Math.sqrt(value) : 0));

/**
 * @param {Matrix} matrix
 * @returns {Matrix} its lower triangular root
 */
function cholesky(matrix) {
  const lower = [[0, 0, 0], [0, 0, 0], [0, 0, 0]];
  for (let row = 0; row < 3; row++) {
    for (let column = 0; column <= row; column++) {
      let rest = matrix[row][column];
      for (let k = 0; k < column; k++) rest -= lower[row][k] * lower[column][k];
      lower[row][column] = row === column ? Math.sqrt(rest) : rest / lower[column][column];
    }
  }
  return lower;
}

/**
 * @param {Matrix} lower
 * @returns {Matrix}
 */
function invertLower(lower) {
  const inverse = [[0, 0, 0], [0, 0, 0], [0, 0, 0]];
  for (let column = 0; column < 3; column++) {
    for (let row = column; row < 3; row++) {
      let rest = row === column ? 1 : 0;
      for (let k = column; k < row; k++) rest -= lower[row][k] * inverse[k][column];
      inverse[row][column] = rest / lower[row][row];
    }
  }
  return inverse;
}

/**
 * @param {Matrix} cov
 * @param {Matrix} target
 */
function fitCholesky(cov, target) {
  const from = cholesky(spectral(cov, (value) => Math.max(MIN_VARIANCE, value)));
  const to = cholesky(spectral(target, (value) => Math.max(MIN_TARGET_VARIANCE, value)));
  return multiply(to, invertLower(from));
}

/**
 * @param {Matrix} cov
 * @param {Matrix} target
 */
const fitPca = (cov, target) => multiply(root(target), inverseRoot(cov));

/**
 * @param {Matrix} cov
 * @param {Matrix} target
 */
function fitMkl(cov, target) {
  const half = root(cov);
  const inverse = inverseRoot(cov);
  return multiply(multiply(inverse, root(multiply(multiply(half, target), half))), inverse);
}
