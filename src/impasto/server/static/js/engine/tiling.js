// Paints large pictures in tiles, with the statistics of the whole picture, so that no seam shows.
// The same as impasto/inference/tiling.py, tiled_statistics.py and tile_grid.py.

import { noiseAt } from "./noise.js";
import { MARGIN, MULTIPLE, crop, emptyPicture, pad, paste, toPlanes } from "./pixels.js";
import { isIOS } from "./runtime.js";

const MEGAPIXEL = 1_000_000;
const TILE_SIDE = 1024; // pixels a side of a tile
const SMALL_TILE_SIDE = 512;
const MAX_FINE_PIXELS = 24 * MEGAPIXEL; // above, fewer features are kept
const NOISE_STEP = 2; // pixels from one position of noise to the next
// Cost of a pixel, relative to a pixel of a picture that is painted in one run.
const MEASURE_COST = 2.6;
const PAINT_COST = 1.3;

/** @typedef {import("./pixels.js").Picture} Picture */
/** @typedef {import("./prepared.js").PreparedStyle} PreparedStyle */
/** @typedef {import("./network.js").Statistics} Statistics */
/** @typedef {import("./watch.js").Watch} Watch */

/**
 * Pixels of the largest picture that is painted in one run, and pixels a side of a tile.
 * @typedef {{maxPixels: number, tile: number}} Limits
 */

/**
 * Chooses limits by the memory of this device.
 * @param {{maxPixels?: number, tile?: number}} settings
 * @returns {Limits}
 */
export function chooseLimits(settings) {
  const memory = gigabytes();
  const maxPixels = settings.maxPixels ?? (memory >= 8 ? 4 : memory >= 4 ? 2 : 1) * MEGAPIXEL;
  return { maxPixels, tile: settings.tile ?? (memory >= 4 ? TILE_SIDE : SMALL_TILE_SIDE) };
}

/** Memory of this device, as far as the browser tells. */
function gigabytes() {
  return /** @type {any} */ (navigator).deviceMemory ?? (isPhone() ? 2 : 8);
}

function isPhone() {
  return isIOS() || /Android|Mobile/.test(navigator.userAgent);
}

/** Returns how many pixels a photograph may have on this device. */
export function mostPixels() {
  const memory = gigabytes();
  if (isPhone()) return (memory >= 8 ? 12 : 4) * MEGAPIXEL;
  return memory >= 8 ? MAX_FINE_PIXELS : (memory >= 4 ? 16 : 8) * MEGAPIXEL;
}

/**
 * Place of a tile along one axis: it is read from start to stop, and written from first to last.
 * @typedef {{start: number, stop: number, first: number, last: number}} Span
 */

/**
 * Divides a picture into tiles of one size.
 * @param {number} height a multiple of 16
 * @param {number} width a multiple of 16
 * @param {number} margin pixels that a tile reads around its output, a multiple of 16
 * @param {number} tile pixels a side
 * @returns {[Span[], Span[]]} the spans down and across
 */
export function tileSpans(height, width, margin, tile) {
  const down = spans(height, maxLength(Math.min(width, tile), tile), margin);
  return [down, spans(width, maxLength(down[0].stop, tile), margin)];
}

/**
 * @param {number} side
 * @param {number} tile
 */
function maxLength(side, tile) {
  return Math.max(tile, Math.floor(Math.floor((tile * tile) / side) / MULTIPLE) * MULTIPLE);
}

/**
 * @param {number} length
 * @param {number} longest
 * @param {number} margin
 * @returns {Span[]}
 */
function spans(length, longest, margin) {
  if (longest <= 2 * margin) longest = 4 * margin;
  if (length <= longest) return [{ start: 0, stop: length, first: 0, last: length }];
  const count = Math.ceil((length - 2 * margin) / (longest - 2 * margin));
  const exact = (length + 2 * (count - 1) * margin) / count / MULTIPLE;
  const size = Math.ceil(exact) * MULTIPLE;
  const starts = Array.from({ length: count }, (_, place) => {
    const start = Math.floor((place * (length - size)) / (count - 1));
    return Math.floor(start / MULTIPLE) * MULTIPLE;
  });
  return starts.map((start, place) => ({
    start,
    stop: start + size,
    first: place ? start + margin : 0,
    last: place + 1 < count ? starts[place + 1] + margin : length,
  }));
}

/**
 * Paints a picture of any size.
 * @param {Picture} picture
 * @param {PreparedStyle} prepared
 * @param {Limits} limits
 * @param {Watch} watch
 * @returns {Promise<Picture>}
 */
export async function paintTiled(picture, prepared, limits, watch) {
  const pixels = picture.height * picture.width;
  await watch.breathe();
  if (pixels <= limits.maxPixels) {
    const painted = await prepared.paint(picture);
    watch.advance(1);
    return painted;
  }
  if (!prepared.canFreeze) {
    const most = Math.floor(limits.maxPixels / MEGAPIXEL);
    throw new Error(
      `cannot paint ${Math.round(pixels / MEGAPIXEL)} megapixels in this style here: it brings its` +
        ` own network, which takes ${most} in this browser; choose a smaller size`,
    );
  }
  const share = MEASURE_COST / (MEASURE_COST + PAINT_COST);
  const statistics = await measure(picture, prepared, limits, watch.part(share));
  return paintTiles(picture, prepared.freeze(statistics), limits, watch.part(1 - share));
}

/**
 * @param {Picture} picture
 * @param {PreparedStyle} frozen
 * @param {Limits} limits
 * @param {Watch} watch
 */
async function paintTiles(picture, frozen, limits, watch) {
  const [height, width] = [picture.height, picture.width].map(
    (side) => Math.ceil(side / MULTIPLE) * MULTIPLE,
  );
  const [down, across] = tileSpans(height, width, frozen.margin, limits.tile);
  const result = emptyPicture(picture.height, picture.width);
  for (const row of down) {
    for (const column of across) {
      const bottom = Math.min(row.stop, picture.height);
      const right = Math.min(column.stop, picture.width);
      const part = crop(picture, row.start, column.start, bottom - row.start, right - column.start);
      const tile = await frozen.paint(part, row.start, column.start);
      const rows = Math.min(row.last, picture.height) - row.first;
      const columns = Math.min(column.last, picture.width) - column.first;
      const [top, left] = [row.first - row.start, column.first - column.start];
      paste(result, row.first, column.first, tile, top, left, rows, columns);
      watch.advance((rows * columns) / (picture.height * picture.width));
      await watch.breathe();
    }
  }
  return result;
}

/**
 * Measures the statistics of a picture, for each pass.
 * @param {Picture} picture
 * @param {PreparedStyle} prepared
 * @param {Limits} limits
 * @param {Watch} watch
 * @returns {Promise<Statistics[]>}
 */
async function measure(picture, prepared, limits, watch) {
  const padded = pad(picture);
  const measured = [];
  for (const pass of prepared.passes) {
    measured.push(await measureTiled(pass, padded, limits, watch.part(1 / prepared.passes.length)));
  }
  return measured;
}

/**
 * Features of a whole picture: float32 (channels, height, width).
 * @typedef {{channels: number, height: number, width: number, data: Float32Array}} Features
 */

/**
 * Measures one normalization after the other, each tile by tile.
 * @param {import("./prepared.js").Pass} pass
 * @param {Picture} picture with sides that are multiples of 16
 * @param {Limits} limits
 * @param {Watch} watch
 * @returns {Promise<Statistics>}
 */
async function measureTiled({ network: any, embedding }, picture, limits, watch) {
  const network = /** @type {import("./network.js").Network} */ (any); // as others cannot freeze
  const fine = picture.height * picture.width <= MAX_FINE_PIXELS;
  /** @type {import("./network.js").Segment[]} */
  const segments = network.facts[fine ? "segments.4" : "segments.8"];
  const channels = network.facts.scales.length;
  const statistics = {
    mean: new Float32Array(channels),
    variance: new Float32Array(channels).fill(1),
  };
  /** @type {Map<string, Features>} */
  const kept = new Map();
  for (const [place, segment] of segments.entries()) {
    const folded = network.fold(embedding, statistics);
    const part = watch.part(1 / segments.length);
    const moments = await measureSegment(network, segment, picture, folded, kept, limits, part);
    statistics.mean.set(moments.mean, segment.channels[0]);
    statistics.variance.set(moments.variance, segment.channels[0]);
    for (const name of kept.keys()) {
      const later = segments.slice(place + 1).some(({ inputs }) => inputs.includes(name));
      if (!later) kept.delete(name);
    }
  }
  return statistics;
}

/**
 * @param {import("./network.js").Network} network
 * @param {import("./network.js").Segment} segment
 * @param {Picture} picture
 * @param {Float32Array} embedding
 * @param {Map<string, Features>} kept features of earlier segments; those of this one are added
 * @param {Limits} limits
 * @param {Watch} watch
 */
async function measureSegment(network, segment, picture, embedding, kept, limits, watch) {
  const { height, width } = picture;
  const { runtime } = network;
  const session = await network.load(segment.graph); // not kept: together they take much memory
  const moments = new Moments(segment.channels[1] - segment.channels[0]);
  /** @type {Map<string, Features>} */
  const made = new Map();
  const [down, across] = tileSpans(height, width, segment.margin, limits.tile);
  try {
    for (const row of down) {
      for (const column of across) {
        /** @type {Record<string, import("./runtime.js").Array4>} */
        const inputs = {};
        for (const name of segment.inputs) {
          const cut = cutInput(name, segment, picture, embedding, kept, row, column);
          inputs[name] = runtime.tensor(cut.data, cut.dims);
        }
        const outputs = await session.run(inputs);
        for (const name of segment.outputs) {
          const { data, dims } = outputs[name];
          const tile = { channels: dims[1], height: dims[2], width: dims[3], data };
          if (name === segment.outputs[0]) moments.add(tile, segment.step, row, column);
          if (segment.kept.includes(name)) {
            const whole = made.get(name) ?? emptyFeatures(tile.channels, picture, segment.step);
            made.set(name, whole);
            keepFeatures(whole, tile, segment.step, row, column);
          }
        }
        const covered = (row.last - row.first) * (column.last - column.first);
        watch.advance(covered / (height * width));
        await watch.breathe();
      }
    }
  } finally {
    await session.release();
  }
  for (const [name, features] of made) kept.set(name, features);
  return moments.result();
}

/**
 * Cuts the input of a tile from the picture, from noise or from features.
 * @param {string} name
 * @param {import("./network.js").Segment} segment
 * @param {Picture} picture
 * @param {Float32Array} embedding
 * @param {Map<string, Features>} kept
 * @param {Span} row
 * @param {Span} column
 * @returns {{data: Float32Array, dims: number[]}}
 */
function cutInput(name, segment, picture, embedding, kept, row, column) {
  const height = row.stop - row.start;
  const width = column.stop - column.start;
  if (name === "embedding") return { data: embedding, dims: [1, embedding.length] };
  if (name === "image") {
    const part = crop(picture, row.start, column.start, height, width);
    return { data: toPlanes(part), dims: [1, 3, height, width] };
  }
  if (name === "noise") {
    const data = noiseAt(height, width, row.start - MARGIN, column.start - MARGIN);
    return { data, dims: [1, 1, height / NOISE_STEP, width / NOISE_STEP] };
  }
  const step = segment.steps[name];
  const features = kept.get(name);
  if (!features) throw new Error("cannot paint: the network is broken");
  const [rows, columns] = [height / step, width / step];
  const data = new Float32Array(features.channels * rows * columns);
  for (let channel = 0, to = 0; channel < features.channels; channel++) {
    for (let place = 0; place < rows; place++, to += columns) {
      const line = (channel * features.height + row.start / step + place) * features.width;
      const from = line + column.start / step;
      data.set(features.data.subarray(from, from + columns), to);
    }
  }
  return { data, dims: [1, features.channels, rows, columns] };
}

/**
 * @param {number} channels
 * @param {Picture} picture
 * @param {number} step
 * @returns {Features}
 */
function emptyFeatures(channels, picture, step) {
  const [height, width] = [picture.height / step, picture.width / step];
  return { channels, height, width, data: new Float32Array(channels * height * width) };
}

/**
 * @param {Features} whole
 * @param {Features} tile
 * @param {number} step
 * @param {Span} row
 * @param {Span} column
 */
function keepFeatures(whole, tile, step, row, column) {
  const [top, left] = [row.first / step, column.first / step];
  const [skipDown, skipAcross] = [(row.first - row.start) / step, (column.first - column.start) / step];
  const [rows, columns] = [(row.last - row.first) / step, (column.last - column.first) / step];
  for (let channel = 0; channel < tile.channels; channel++) {
    for (let place = 0; place < rows; place++) {
      const from = (channel * tile.height + skipDown + place) * tile.width + skipAcross;
      const to = (channel * whole.height + top + place) * whole.width + left;
      whole.data.set(tile.data.subarray(from, from + columns), to);
    }
  }
}

/** Means and variances of channels, summed up tile by tile. */
class Moments {
  /** @param {number} channels */
  constructor(channels) {
    this.count = 0;
    this.mean = new Float64Array(channels);
    this.squares = new Float64Array(channels); // sums of squared differences from the mean
  }

  /**
   * @param {Features} tile
   * @param {number} step
   * @param {Span} row
   * @param {Span} column
   */
  add(tile, step, row, column) {
    const [top, left] = [(row.first - row.start) / step, (column.first - column.start) / step];
    const [rows, columns] = [(row.last - row.first) / step, (column.last - column.first) / step];
    const size = rows * columns;
    const share = size / (this.count + size);
    for (let channel = 0; channel < this.mean.length; channel++) {
      const start = (channel * tile.height + top) * tile.width + left;
      let sum = 0;
      for (let place = 0, line = start; place < rows; place++, line += tile.width) {
        for (let from = line; from < line + columns; from++) sum += tile.data[from];
      }
      const mean = sum / size;
      let squares = 0;
      for (let place = 0, line = start; place < rows; place++, line += tile.width) {
        for (let from = line; from < line + columns; from++) {
          const apart = tile.data[from] - mean;
          squares += apart * apart;
        }
      }
      const apart = mean - this.mean[channel];
      this.squares[channel] += squares + apart * apart * this.count * share;
      this.mean[channel] += apart * share;
    }
    this.count += size;
  }

  /** @returns {Statistics} */
  result() {
    const variance = Float32Array.from(this.squares, (squares) => squares / this.count);
    return { mean: Float32Array.from(this.mean), variance };
  }
}
