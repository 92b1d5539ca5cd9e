// Puts a painting together: strokes, colors and a mask; see impasto/inference/pipeline.py.

import { paintTiled } from "./tiling.js";

/** @typedef {import("./pixels.js").Picture} Picture */

/**
 * Paints a photograph.
 * @param {Picture} photo
 * @param {(level: number) => import("./prepared.js").PreparedStyle} prepareLevel gives the style at
 *   a share of its strength
 * @param {import("./engine.js").Job} job
 * @param {import("./tiling.js").Limits} limits
 * @param {import("./watch.js").Watch} watch
 * @returns {Promise<Picture>}
 */
export async function paintPicture(photo, prepareLevel, job, limits, watch) {
  return paintTiled(photo, prepareLevel(1), limits, watch);
}
