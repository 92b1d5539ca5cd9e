// Puts a painting together: strokes, colors and a mask; see impasto/inference/pipeline.py.

import { fitRecoloring, measurePalette, parseColor, recolor } from "./color.js";
import { blendByMask, isWide, toMask } from "./mask.js";
import { autoStroke, paintStrokes } from "./stroke.js";

// Under a gradient, paintings between its ends are painted too, so that strokes change on the way.
const MIX_LEVELS = [0, 0.25, 0.5, 0.75, 1];

/** @typedef {import("./pixels.js").Picture} Picture */
/** @typedef {import("./watch.js").Watch} Watch */

/**
 * Paints a photograph at a share of the style's strength, or returns such a painting.
 * @typedef {(level: number, watch: Watch) => Promise<Picture>} PaintLevel
 */

/**
 * Paints a photograph.
 * @param {Picture} photo
 * @param {PaintLevel} paintLevel paints the photograph, before its colors are changed
 * @param {import("./engine.js").Job} job
 * @param {Watch} watch
 * @returns {Promise<Picture>}
 */
export async function paintPicture(photo, paintLevel, job, watch) {
  const { mode, amount } = parseColor(job.color);
  const mask = job.mask ? toMask(job.mask) : null;
  const levels = !mask ? [1] : isWide(mask) ? MIX_LEVELS : [0, 1];
  const share = 1 / levels.filter((level) => level > 0).length;
  const layers = [];
  for (const level of levels) {
    const isPhoto = level * job.strength === 0;
    const painted = isPhoto ? photo : await paintLevel(level, watch.part(share));
    const change = !isPhoto && mode !== "style" && amount > 0;
    layers.push(change ? recolorPainting(painted, photo, mode, amount) : painted);
    await watch.breathe();
  }
  return mask ? blendByMask(layers, mask) : layers[0];
}

/**
 * @param {Picture} painted
 * @param {Picture} photo
 * @param {string} mode
 * @param {number} amount
 */
function recolorPainting(painted, photo, mode, amount) {
  const change = fitRecoloring(mode, () => [measurePalette(painted), measurePalette(photo)]);
  return recolor(painted, photo, change, amount);
}

/**
 * Paints one layer: a picture in one style, with strokes of a size.
 * @param {Picture} photo
 * @param {import("./prepared.js").PreparedStyle} prepared
 * @param {number | "auto"} stroke
 * @param {import("./tiling.js").Limits} limits
 * @param {Watch} watch
 * @returns {Promise<Picture>}
 */
export function paintLayer(photo, prepared, stroke, limits, watch) {
  const factor = stroke === "auto" ? autoStroke(photo.height, photo.width) : stroke;
  return paintStrokes(photo, prepared, factor, limits, watch);
}
