/** A mask that is drawn: which parts are painted, and which stay as in the photograph. */

import { context, drawn, fit, makeCanvas } from "./canvas.js";

const LONGEST = 1024;
const MAX_UNDO = 24;

/** @typedef {{x: number, y: number}} Point  Position in the picture, 0..1 each. */

/** The mask's opacity is the weight of the painting: opaque is painted, transparent is kept. */
export class Mask {
  /** @param {number} width @param {number} height  Size of the photograph. */
  constructor(width, height) {
    const size = fit(width, height, LONGEST);
    this.canvas = makeCanvas(size.width, size.height);
    this._ctx = context(this.canvas, true);
    /** @type {ImageData[]} */
    this._undo = [];
    /** @type {ImageData|null} */
    this._before = null;
    this._fill();
  }

  get canUndo() {
    return this._undo.length > 0;
  }

  /** Whether all of the picture is painted. */
  get isFull() {
    const { data } = this._pixels();
    for (let i = 3; i < data.length; i += 4) if (data[i] < 255) return false;
    return true;
  }

  /** Remember the mask as it is, so that the next change can be undone. */
  remember() {
    this._undo.push(this._pixels());
    if (this._undo.length > MAX_UNDO) this._undo.shift();
  }

  undo() {
    const before = this._undo.pop();
    if (before) this._ctx.putImageData(before, 0, 0);
  }

  /**
   * Draw with a round, soft brush.
   * @param {Point} from
   * @param {Point} to
   * @param {number} diameter  As a share of the longest side.
   * @param {boolean} paints  Whether it paints; otherwise it brings the photograph back.
   */
  brush(from, to, diameter, paints) {
    const { width, height } = this.canvas;
    const radius = Math.max(1, (diameter * Math.max(width, height)) / 2);
    const length = Math.hypot((to.x - from.x) * width, (to.y - from.y) * height);
    const steps = Math.max(1, Math.ceil(length / (radius / 3)));
    this._ctx.globalCompositeOperation = paints ? "source-over" : "destination-out";
    for (let step = 0; step <= steps; step++) {
      const x = (from.x + ((to.x - from.x) * step) / steps) * width;
      const y = (from.y + ((to.y - from.y) * step) / steps) * height;
      const soft = this._ctx.createRadialGradient(x, y, radius * 0.55, x, y, radius);
      soft.addColorStop(0, "rgba(255,255,255,1)");
      soft.addColorStop(1, "rgba(255,255,255,0)");
      this._ctx.fillStyle = soft;
      this._ctx.fillRect(x - radius, y - radius, 2 * radius, 2 * radius);
    }
    this._ctx.globalCompositeOperation = "source-over";
  }

  /**
   * From the photograph at one point to the painting at another.
   * @param {Point} from
   * @param {Point} to
   */
  gradient(from, to) {
    const { width, height } = this.canvas;
    const ramp = this._ctx.createLinearGradient(from.x * width, from.y * height, to.x * width, to.y * height);
    ramp.addColorStop(0, "rgba(255,255,255,0)");
    ramp.addColorStop(1, "rgba(255,255,255,1)");
    this._ctx.clearRect(0, 0, width, height);
    this._ctx.fillStyle = ramp;
    this._ctx.fillRect(0, 0, width, height);
  }

  /** Painted in the middle, kept in the corners. */
  radial() {
    const { width, height } = this.canvas;
    const scale = width / height;
    const radius = height * 0.7;
    this._ctx.clearRect(0, 0, width, height);
    this._ctx.save();
    this._ctx.scale(scale, 1);
    const ramp = this._ctx.createRadialGradient(height / 2, height / 2, radius * 0.25, height / 2, height / 2, radius);
    ramp.addColorStop(0, "rgba(255,255,255,1)");
    ramp.addColorStop(1, "rgba(255,255,255,0)");
    this._ctx.fillStyle = ramp;
    this._ctx.fillRect(0, 0, height, height);
    this._ctx.restore();
  }

  invert() {
    this._ctx.globalCompositeOperation = "xor";
    this._fill();
    this._ctx.globalCompositeOperation = "source-over";
  }

  clear() {
    this._fill();
  }

  /** The mask as the painter takes it: red 255 is painted. @returns {ImageData} */
  data() {
    const result = this._pixels();
    const { data } = result;
    for (let i = 0; i < data.length; i += 4) {
      data[i] = data[i + 1] = data[i + 2] = data[i + 3];
      data[i + 3] = 255;
    }
    return result;
  }

  /**
   * Blend at once, as a preview.
   * @param {CanvasImageSource} photo
   * @param {CanvasImageSource} painting
   * @param {number} width
   * @param {number} height
   */
  blend(photo, painting, width, height) {
    const layer = drawn(painting, width, height);
    const layerCtx = context(layer);
    layerCtx.globalCompositeOperation = "destination-in";
    layerCtx.drawImage(this.canvas, 0, 0, width, height);
    const result = drawn(photo, width, height);
    context(result).drawImage(layer, 0, 0);
    return result;
  }

  _fill() {
    this._ctx.fillStyle = "#fff";
    this._ctx.fillRect(0, 0, this.canvas.width, this.canvas.height);
  }

  _pixels() {
    return this._ctx.getImageData(0, 0, this.canvas.width, this.canvas.height);
  }
}
