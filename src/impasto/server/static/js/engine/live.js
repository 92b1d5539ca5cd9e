// Paints what a camera sees, steadily: with statistics that change slowly, and the last painting where
// the scene stands still. The same as impasto/video/temporal/ and impasto/video/frame_stylizer.py.

import { fitRecoloring, measurePalette, palettesTowards, parseColor, recolor } from "./color.js";
import { blendByMask, toMask } from "./mask.js";
import { towards } from "./network.js";
import { MIN_SIDE, emptyPicture } from "./pixels.js";

const MEASURE_EVERY = 48; // frames from one measurement to the next
const CUT_DIFFERENCE = 30; // mean difference in levels at which another scene begins
const GRID_SIZE = 16; // blocks a side, whose middle pixels frames are compared by
// Where a frame is so much lighter, darker or flatter than the measured one, it is measured at once.
const MAX_MEAN_SHIFT = 12;
const MAX_DEVIATION_RATIO = 1.15;
const MIN_CONTRAST = 3; // deviation in levels below which a frame is painted by itself
const STILL_DIFFERENCE = 1.5; // levels; up to this it is the noise of a camera
const MOVING_DIFFERENCE = 6; // levels; from this on something moves
const MIN_NEW_SHARE = 0.3; // of a new frame where the scene is still
const CELL_SIZE = 2; // pixels a side that count as one, of which the upper row is compared
const REACH = 2; // cells on each side over which the difference is averaged
const PALETTE_RATE = 0.1; // share of the way that palettes go with each frame
const MAX_PALETTE_STEP = 4;
const MIN_PALETTE_PIXELS = 14_400;

/** @typedef {import("./pixels.js").Picture} Picture */
/** @typedef {import("./network.js").Statistics} Statistics */
/** @typedef {import("./prepared.js").PreparedStyle} PreparedStyle */

/** Paints the frames of one camera alike, in order of time. */
export class LiveStyle {
  /**
   * @param {PreparedStyle} prepared
   * @param {import("./engine.js").Job} job
   */
  constructor(prepared, job) {
    this.prepared = prepared;
    const { mode, amount } = parseColor(job.color);
    this.mode = prepared.passes.length && amount > 0 ? mode : "style";
    this.amount = amount;
    this.mask = job.mask ? toMask(job.mask) : null;
    /** @type {Picture | null} the last frame */
    this.last = null;
    /** @type {Picture | null} its painting */
    this.shown = null;
    this.count = 0; // frames since the last measurement
    /** @type {Statistics[]} */
    this.from = [];
    /** @type {Statistics[]} */
    this.to = [];
    /** @type {Float32Array} */
    this.measured = new Float32Array();
    /** @type {[import("./color.js").Palette, import("./color.js").Palette] | null} */
    this.palettes = null;
  }

  /**
   * Paints the next frame.
   * @param {Picture} frame
   * @returns {Promise<Picture>}
   */
  async paint(frame) {
    if (!this.prepared.passes.length) return frame;
    const sample = sampleOf(frame);
    const { last, shown } = this;
    const sameSize = last?.width === frame.width && last?.height === frame.height;
    const isCut = !last || !sameSize || distance(sample, sampleOf(last)) > CUT_DIFFERENCE;
    let painted = await this.paintAlone(frame, sample, isCut);
    if (!isCut && last && shown) painted = blendStill(frame, last, painted, shown);
    this.shown = painted;
    this.last = frame;
    if (this.mode !== "style") painted = this.recolor(painted, frame, isCut);
    return this.mask ? blendByMask([frame, painted], this.mask) : painted;
  }

  /**
   * @param {Picture} frame
   * @param {Float32Array} sample
   * @param {boolean} isCut
   */
  async paintAlone(frame, sample, isCut) {
    const { canFreeze } = this.prepared;
    const isSmall = Math.min(frame.height, frame.width) < MIN_SIDE;
    if (!canFreeze || isSmall || deviation(sample) < MIN_CONTRAST) {
      this.from = [];
      return this.prepared.paint(frame);
    }
    if (isCut || !this.from.length || this.hasFaded(sample)) {
      this.from = this.to = await this.prepared.measure(frame);
      [this.count, this.measured] = [0, sample];
    } else if (this.count === MEASURE_EVERY) {
      [this.from, this.to] = [this.to, await this.prepared.measure(frame)];
      [this.count, this.measured] = [0, sample];
    }
    const share = this.count / MEASURE_EVERY;
    this.count++;
    const statistics = this.from.map((old, place) => towards(old, this.to[place], share));
    return this.prepared.freeze(statistics).paint(frame);
  }

  /** @param {Float32Array} sample */
  hasFaded(sample) {
    const shift = Math.abs(mean(sample) - mean(this.measured));
    const ratio = deviation(sample) / deviation(this.measured);
    const isStretched = !(ratio > 1 / MAX_DEVIATION_RATIO && ratio < MAX_DEVIATION_RATIO);
    return shift > MAX_MEAN_SHIFT || isStretched;
  }

  /**
   * @param {Picture} painted
   * @param {Picture} frame
   * @param {boolean} isCut
   */
  recolor(painted, frame, isCut) {
    const change = fitRecoloring(this.mode, () => {
      const most = Math.floor(Math.sqrt(Math.floor((frame.height * frame.width) / MIN_PALETTE_PIXELS)));
      const step = Math.max(1, Math.min(MAX_PALETTE_STEP, most));
      const [first, second] = [measurePalette(painted, step), measurePalette(frame, step)];
      const old = isCut ? null : this.palettes;
      this.palettes = old
        ? [palettesTowards(old[0], first, PALETTE_RATE), palettesTowards(old[1], second, PALETTE_RATE)]
        : [first, second];
      return this.palettes;
    });
    return recolor(painted, frame, change, this.amount);
  }
}

/**
 * Takes pixels from all over a frame.
 * @param {Picture} frame
 */
function sampleOf({ height, width, data }) {
  const sample = new Float32Array(GRID_SIZE * GRID_SIZE * 3);
  const place = (/** @type {number} */ side, /** @type {number} */ block) =>
    Math.floor(((side - 1) * (block + 1)) / (GRID_SIZE + 1));
  for (let row = 0, to = 0; row < GRID_SIZE; row++) {
    for (let column = 0; column < GRID_SIZE; column++) {
      const from = (place(height, row) * width + place(width, column)) * 3;
      for (let channel = 0; channel < 3; channel++) sample[to++] = data[from + channel];
    }
  }
  return sample;
}

/** @param {Float32Array} values */
const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;

/** @param {Float32Array} values */
function deviation(values) {
  const middle = mean(values);
  const squares = values.reduce((sum, value) => sum + (value - middle) ** 2, 0);
  return Math.sqrt(squares / values.length);
}

/**
 * @param {Float32Array} first
 * @param {Float32Array} second
 */
function distance(first, second) {
  const sum = first.reduce((total, value, place) => total + Math.abs(value - second[place]), 0);
  return sum / first.length;
}

/**
 * Keeps the last painting for the most part where the scene stands still.
 * @param {Picture} frame
 * @param {Picture} last the frame before
 * @param {Picture} painted
 * @param {Picture} shown the picture that was shown for the frame before
 * @returns {Picture}
 */
export function blendStill(frame, last, painted, shown) {
  const { height, width } = frame;
  const rows = Math.ceil(height / CELL_SIZE);
  const columns = Math.ceil(width / CELL_SIZE);
  const weights = newShares(averageAround(cellDifferences(frame, last, rows, columns), rows, columns));
  const result = emptyPicture(height, width);
  for (let row = 0, place = 0; row < height; row++) {
    const line = (row >> 1) * columns;
    for (let column = 0; column < width; column++) {
      const weight = weights[line + (column >> 1)];
      for (const end = place + 3; place < end; place++) {
        const old = shown.data[place];
        result.data[place] = old + (painted.data[place] - old) * weight + 0.5;
      }
    }
  }
  return result;
}

/**
 * @param {Picture} frame
 * @param {Picture} last
 * @param {number} rows
 * @param {number} columns
 */
function cellDifferences({ width, data }, last, rows, columns) {
  const sums = new Float32Array(rows * columns);
  for (let row = 0; row < rows; row++) {
    const line = row * columns;
    let place = 3 * width * CELL_SIZE * row; // of the upper row of a cell, which is compared
    for (let column = 0; column < width; column++, place += 3) {
      sums[line + (column >> 1)] +=
        Math.abs(data[place] - last.data[place]) +
        Math.abs(data[place + 1] - last.data[place + 1]) +
        Math.abs(data[place + 2] - last.data[place + 2]);
    }
    for (let column = 0; column < columns; column++) {
      sums[line + column] /= 3 * Math.min(CELL_SIZE, width - column * CELL_SIZE);
    }
  }
  return sums;
}

/**
 * Averages over the cells around each; those at the borders are repeated beyond them.
 * @param {Float32Array} values
 * @param {number} rows
 * @param {number} columns
 */
function averageAround(values, rows, columns) {
  const across = new Float32Array(values.length);
  const around = new Float32Array(values.length);
  /** @param {number} place @param {number} count */
  const within = (place, count) => Math.min(count - 1, Math.max(0, place));
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      let sum = 0;
      for (let step = -REACH; step <= REACH; step++) sum += values[row * columns + within(column + step, columns)];
      across[row * columns + column] = sum / (2 * REACH + 1);
    }
  }
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      let sum = 0;
      for (let step = -REACH; step <= REACH; step++) sum += across[within(row + step, rows) * columns + column];
      around[row * columns + column] = sum / (2 * REACH + 1);
    }
  }
  return around;
}

/** @param {Float32Array} around */
function newShares(around) {
  const slope = (1 - MIN_NEW_SHARE) / (MOVING_DIFFERENCE - STILL_DIFFERENCE);
  return around.map((difference) =>
    Math.min(1, Math.max(MIN_NEW_SHARE, (difference - STILL_DIFFERENCE) * slope + MIN_NEW_SHARE)),
  );
}
