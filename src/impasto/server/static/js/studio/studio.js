/** The state of the page, without its looks: the photograph, the settings, and the painting of both. */

import { decode, drawn, encode, fit, fromData, reduced, thumbnail } from "./canvas.js";
import { deleteEntry, loadEntries, saveEntry, surplus } from "./archive.js";
import { isAbort } from "../ui/dom.js";
import { Mask } from "./mask.js";

/** @typedef {import("../painters/painter.js").Painter} Painter */
/** @typedef {import("../painters/painter.js").PaintOptions} PaintOptions */
/** @typedef {import("../painters/painter.js").Progress} Progress */
/** @typedef {import("./shelf.js").Shelf} Shelf */
/** @typedef {import("./archive.js").Entry} Entry */

/**
 * @typedef {Object} Settings
 * @property {{id: string, weight: number}[]} styles
 * @property {number} strength
 * @property {number|"auto"} stroke
 * @property {string} color
 * @property {"small"|"base"|"large"} network
 * @property {number|null} size  Longest side; null is full size.
 *
 * @typedef {Object} Photo
 * @property {string} id
 * @property {string} name
 * @property {Blob} blob
 * @property {ImageBitmap} bitmap
 * @property {number} width
 * @property {number} height
 * @property {boolean} isExample  Whether the page opened it by itself; until the user changes something, its painting is not kept.
 */

const SHOWN = 2048; // longest side of what the page shows; files are written at full size
const PREVIEW_FIRST = 448; // longest side of the first preview; later ones follow the speed
const PREVIEW_LEAST = 256;
const PREVIEW_MOST = 900;
const PREVIEW_SECONDS = 0.35;
const AUTO_STROKE_SIDE = 1400; // longest side up to which strokes keep the network's own size
const LOSSLESS_PIXELS = 3_000_000; // larger paintings are kept in the history with a small loss

/** @type {Settings} */
export const DEFAULTS = {
  styles: [{ id: "gallery:temeraire", weight: 1 }],
  strength: 1,
  stroke: "auto",
  color: "style",
  network: "base",
  size: null,
};

/**
 * Strokes that keep their look on large photographs.
 * @param {number|"auto"} stroke
 * @param {number} longest
 */
export function strokeOf(stroke, longest) {
  return stroke === "auto" ? Math.min(16, Math.max(1, Math.round((longest / AUTO_STROKE_SIDE) * 4) / 4)) : stroke;
}

/**
 * Longest side of a painting: as set, and not more pixels than the painter takes.
 * @param {{width: number, height: number}} photo
 * @param {number|null} size
 * @param {number} maxPixels
 */
export function targetSide({ width, height }, size, maxPixels) {
  const longest = Math.max(width, height);
  const most = Math.floor(longest * Math.sqrt(Math.min(1, maxPixels / (width * height))));
  return Math.min(longest, size ?? longest, most);
}

/**
 * Dispatches "photo", "settings", "painting", "busy", "history", "mask", "painter" and "problem" (a CustomEvent with the error).
 */
export class Studio extends EventTarget {
  /** @param {Shelf} shelf */
  constructor(shelf) {
    super();
    this.shelf = shelf;
    /** @type {Painter|null} */
    this.painter = null;
    /** Pixels of the largest painting. */
    this.maxPixels = Infinity;
    /** @type {Photo|null} */
    this.photo = null;
    /** @type {Settings} */
    this.settings = structuredClone(DEFAULTS);
    /** @type {Mask|null} */
    this.mask = null;
    /** The photograph as shown. @type {HTMLCanvasElement|null} */
    this.before = null;
    /** The painting as shown, perhaps a preview. @type {HTMLCanvasElement|null} */
    this.after = null;
    /** The painting at full size, if it is done. @type {HTMLCanvasElement|null} */
    this.full = null;
    /** Whether `full` has the pixels as painted; pictures of the history may have a small loss. */
    this.exact = true;
    /** Settings of `full`. @type {Settings|null} */
    this.fullSettings = null;
    /** Settings of `after`; null while only the photograph is shown. @type {Settings|null} */
    this.shownSettings = null;
    /** What was at full size before the newest choice, which is not shown yet. @type {Pick<Studio, "full"|"fullSettings"|"exact">|null} */
    this._replaced = null;
    /** Painted all over, for previews of a mask. @type {HTMLCanvasElement|null} */
    this.unmasked = null;
    /** @type {(Progress & {preview: boolean})|null} */
    this.busy = null;
    /** @type {Entry[]} */
    this.entries = [];
    /** @type {string|null} */
    this.entryId = null;
    this._previewSide = PREVIEW_FIRST;
    /** @type {{full: boolean}|null} */
    this._wanted = null;
    /** @type {AbortController|null} */
    this._running = null;
    this._pumping = false;
    /** Paintings of many wait while one is painted here. @type {Promise<void>} */
    this.idle = Promise.resolve();
    /** Done when all paintings are kept. @type {Promise<void>} */
    this.saving = Promise.resolve();
  }

  // ---- the photograph

  /**
   * Show a photograph and paint it.
   * @param {Blob} blob
   * @param {string} name
   * @param {{paint?: boolean, id?: string, isExample?: boolean}} [options]
   */
  async openPhoto(blob, name, { paint = true, id = crypto.randomUUID(), isExample = false } = {}) {
    const bitmap = await decode(blob, name);
    const before = await reduced(bitmap, SHOWN);
    this.stop();
    this.photo = { id, name, blob, bitmap, width: bitmap.width, height: bitmap.height, isExample };
    this.before = before;
    this.after = this.full = this.fullSettings = this.shownSettings = this._replaced = this.unmasked = this.mask = null;
    this.entryId = null;
    this._emit("mask");
    this._emit("photo");
    this._emit("painting");
    if (paint) this.repaint();
  }

  // ---- settings

  /**
   * Change settings and repaint.
   * @param {Partial<Settings>} change
   * @param {{live?: boolean}} [options]  live: a preview only, as the hand is still on the slider.
   */
  change(change, { live = false } = {}) {
    Object.assign(this.settings, change);
    if (this.photo) this.photo.isExample = false;
    this._emit("settings");
    this.repaint({ full: !live });
  }

  /** @param {string} id  The only style from now on. */
  choose(id) {
    this.change({ styles: [{ id, weight: 1 }] });
  }

  /** Mix a second style into the first one. @param {string} id */
  mixIn(id) {
    const [first] = this.settings.styles;
    if (first.id === id) return;
    this.change({ styles: [{ id: first.id, weight: 0.5 }, { id, weight: 0.5 }] });
  }

  // ---- painting

  /** Paint: a preview first, then, if `full`, the full size. @param {{full?: boolean}} [options] */
  repaint({ full = true } = {}) {
    if (!this.photo) return;
    if (this.full) this._replaced = { full: this.full, fullSettings: this.fullSettings, exact: this.exact };
    this.full = this.fullSettings = null;
    if (!this.painter) return; // the next painter paints what has no full size
    this._wanted = { full };
    if (this._running && this.busy && !this.busy.preview) this._running.abort();
    if (!this._pumping) this.idle = this._pump();
  }

  /** Stop what is being painted here. */
  stop() {
    this._wanted = null;
    this._running?.abort();
  }

  /** Stop, and take back what was chosen but is not shown: what one sees, reads and saves stays the same. */
  cancel() {
    this.stop();
    if (!this.shownSettings) return;
    Object.assign(this, this._replaced);
    this._replaced = null;
    this.settings = structuredClone(this.shownSettings);
    this._emit("settings");
    this._emit("painting");
  }

  /** @param {Painter|null} painter */
  setPainter(painter) {
    this.painter = painter;
    this._emit("painter");
  }

  /** Whether the painting shown is in the styles that are chosen. */
  get showsChoice() {
    return Boolean(this.shownSettings) && styleKey(this.shownSettings ?? {}) === styleKey(this.settings);
  }

  async _pump() {
    this._pumping = true;
    while (this._wanted) {
      const { full } = this._wanted;
      this._wanted = null;
      try {
        await this._paintOnce(full);
      } catch (error) {
        if (!isAbort(error)) {
          this.cancel();
          this.dispatchEvent(new CustomEvent("problem", { detail: error }));
        }
      }
    }
    this._pumping = false;
    this._setBusy(null);
  }

  /** @param {boolean} full */
  async _paintOnce(full) {
    const { photo, painter } = this;
    if (!photo || !painter) return;
    const target = targetSide(photo, this.settings.size, this.maxPixels);
    if (!full || target > this._previewSide * 1.6 || this.mask) {
      await this._paintPreview(photo, painter, target);
    }
    if (full && !this._wanted) await this._paintFull(photo, painter, target);
  }

  /** @param {Photo} photo @param {Painter} painter @param {number} target */
  async _paintPreview(photo, painter, target) {
    const settings = structuredClone(this.settings);
    const side = Math.min(this._previewSide, target);
    if (this._showsSharper(settings, side)) return;
    const started = performance.now();
    const stroke = Math.max(0.5, strokeOf(settings.stroke, target) * (side / target));
    const data = await this._run(photo, painter, { ...settings, stroke: stroke < 1 && settings.stroke === "auto" ? 1 : stroke }, side, true);
    const seconds = (performance.now() - started) / 1000;
    const wanted = this._previewSide * Math.sqrt(PREVIEW_SECONDS / seconds);
    this._previewSide = Math.round(Math.min(PREVIEW_MOST, Math.max(PREVIEW_LEAST, (this._previewSide + wanted) / 2)) / 8) * 8;
    if (this.photo !== photo) return;
    this.unmasked = fromData(data);
    this.after = this._masked(this.unmasked);
    this.shownSettings = settings;
    this._replaced = null;
    this._emit("painting");
  }

  /** Whether a painting with these settings is shown already, with more pixels. @param {Settings} settings @param {number} side */
  _showsSharper(settings, side) {
    const { after, shownSettings } = this;
    return Boolean(after && after === this.unmasked && shownSettings) && !this.mask &&
      settingsKey(shownSettings ?? {}) === settingsKey(settings) && Math.max(after?.width ?? 0, after?.height ?? 0) > side;
  }

  /** @param {Photo} photo @param {Painter} painter @param {number} target */
  async _paintFull(photo, painter, target) {
    const settings = structuredClone(this.settings);
    const mask = this.mask;
    const stroke = strokeOf(settings.stroke, target);
    const data = await this._run(photo, painter, { ...settings, stroke }, target, false);
    const shown = await reduced(data, SHOWN);
    if (this.photo !== photo || this._wanted) return;
    this.full = shown.width === data.width ? shown : fromData(data);
    this.fullSettings = this.shownSettings = settings;
    this._replaced = null;
    this.exact = true;
    this.after = shown;
    if (!mask) this.unmasked = this.after;
    this._emit("painting");
    this._setBusy(null);
    if (photo.isExample) return;
    const { full, after } = this;
    // not awaited: writing a large painting takes a while, and the next one need not wait for it
    this.saving = this.saving.then(() => this._record(photo, { ...settings, masked: Boolean(mask) }, full, after)).catch((error) => {
      this.dispatchEvent(new CustomEvent("problem", { detail: error }));
    });
    this._countSaving();
  }

  /** Show in the page that a painting is being kept. */
  _countSaving() {
    const { saving } = this;
    document.body.dataset.saving = "yes";
    saving.then(() => {
      if (this.saving === saving) delete document.body.dataset.saving;
    });
  }

  /**
   * @param {Photo} photo
   * @param {Painter} painter
   * @param {Settings} settings
   * @param {number} side
   * @param {boolean} preview
   */
  async _run(photo, painter, settings, side, preview) {
    const running = (this._running = new AbortController());
    this._setBusy({ done: 0, total: 1, preview });
    try {
      const styles = await this.shelf.resolve(painter, settings.styles);
      running.signal.throwIfAborted();
      const whole = side >= Math.max(photo.width, photo.height);
      return await painter.paint(
        painter.where === "server" && !preview ? photo.blob : photo.bitmap,
        this.options({ ...settings, styles }, whole ? undefined : side, preview ? null : this.mask),
        {
          signal: running.signal,
          onProgress: (progress) => {
            if (this._running === running) this._setBusy({ ...progress, preview });
          },
        },
      );
    } finally {
      if (this._running === running) this._running = null;
    }
  }

  /**
   * @param {Settings} settings
   * @param {number|undefined} size
   * @param {Mask|null} mask
   * @returns {PaintOptions}
   */
  options(settings, size, mask) {
    const { styles, strength, stroke, color, network } = settings;
    return { styles, strength, stroke, color, network, ...(size ? { size } : {}), mask: mask ? mask.data() : null };
  }

  // ---- the mask

  /** Make a mask, if there is none. */
  startMask() {
    if (this.photo && !this.mask) {
      this.photo.isExample = false;
      this.mask = new Mask(this.photo.width, this.photo.height);
      this.unmasked = this.after;
      this._emit("mask");
    }
    return this.mask;
  }

  removeMask() {
    if (!this.mask) return;
    this.mask = null;
    this._emit("mask");
    this.repaint();
  }

  /** Show the mask as it is now; at the end of a stroke, paint the full size with it. @param {boolean} done */
  maskChanged(done) {
    if (this.unmasked && this.mask) {
      this.after = this._masked(this.unmasked);
      this.full = this._replaced = null;
      this._emit("painting");
    }
    this._emit("mask");
    if (done) this.repaint();
  }

  /** @param {HTMLCanvasElement} painting */
  _masked(painting) {
    if (!this.mask || !this.before) return painting;
    const { width, height } = fit(this.before.width, this.before.height, 1280);
    return this.mask.blend(this.before, painting, width, height);
  }

  // ---- the history

  async loadHistory() {
    this.entries = await loadEntries();
    this._emit("history");
  }

  /** @param {Photo} photo @param {Settings & {masked: boolean}} settings @param {HTMLCanvasElement} painting @param {HTMLCanvasElement} shown */
  async _record(photo, settings, painting, shown) {
    // the same painting once more takes its place; a mask is told by its painting alone
    const same = this.entries.find((entry) => entry.kind === "picture" && entry.photoId === photo.id &&
      settingsKey(entry.settings) === settingsKey(settings) && (!settings.masked || entry.id === this.entryId));
    const id = same?.id ?? crypto.randomUUID();
    if (this.photo === photo) this.entryId = id;
    const lossless = painting.width * painting.height <= LOSSLESS_PIXELS;
    const [blob, thumb] = await Promise.all([
      lossless ? encode(painting, "image/png") : encode(painting, "image/jpeg", 0.95),
      thumbnail(shown),
    ]);
    await this.keep({ id, time: same?.time ?? Date.now(), kind: "picture", name: photo.name, photoId: photo.id, photo: photo.blob, painting: blob, thumb, settings });
  }

  /** Keep a painting in the history. @param {Entry} entry */
  async keep(entry) {
    const at = this.entries.findIndex(({ id }) => id === entry.id);
    if (at >= 0) this.entries[at] = entry;
    else this.entries.push(entry);
    for (const old of surplus(this.entries)) await this.forget(old.id);
    if (!this.entries.includes(entry)) return; // forgotten meanwhile
    this._emit("history");
    await saveEntry(entry);
    this._emit("kept");
  }

  /** @param {string} id */
  async forget(id) {
    this.entries = this.entries.filter((entry) => entry.id !== id);
    if (this.entryId === id) this.entryId = null;
    this._emit("history");
    await deleteEntry(id);
  }

  async forgetAll() {
    await Promise.all(this.entries.map(({ id }) => this.forget(id)));
  }

  /** Show a painting of the history as it was. @param {Entry} entry */
  async show(entry) {
    await this.openPhoto(entry.photo, entry.name, { paint: false, id: entry.photoId });
    this.settings = { ...structuredClone(DEFAULTS), ...known(entry.settings) };
    // a masked painting cannot be painted again, as masks are not kept
    this.exact = entry.painting.type === "image/png" || Boolean(entry.settings.masked);
    const bitmap = await decode(entry.painting, entry.name);
    this.full = drawn(bitmap, bitmap.width, bitmap.height);
    this.fullSettings = this.shownSettings = structuredClone(this.settings);
    this.after = await reduced(bitmap, SHOWN);
    this.unmasked = this.after;
    this.entryId = entry.id;
    this._emit("settings");
    this._emit("painting");
    this._emit("history");
  }

  /**
   * Show a painting that is there already, as the site's first one.
   * @param {Blob} painting
   */
  async showPainted(painting) {
    const bitmap = await decode(painting);
    this.after = drawn(bitmap, bitmap.width, bitmap.height);
    this.shownSettings = structuredClone(this.settings);
    this.unmasked = this.after;
    this._emit("painting");
  }

  /** @param {(Progress & {preview: boolean})|null} busy */
  _setBusy(busy) {
    this.busy = busy;
    this._emit("busy");
  }

  /** @param {string} name */
  _emit(name) {
    this.dispatchEvent(new Event(name));
  }
}

/**
 * What is a setting of a record of settings, which may come from a file.
 * @param {Record<string, any>} record
 * @returns {Partial<Settings>}
 */
export function known(record) {
  const styles = record.styles.map((/** @type {any} */ { id, weight }) => ({ id, weight }));
  const keys = Object.keys(DEFAULTS).filter((key) => key in record);
  return { ...Object.fromEntries(keys.map((key) => [key, record[key]])), styles };
}

/** @param {Record<string, any>} settings */
const styleKey = (settings) => settings.styles.map((/** @type {any} */ { id }) => id).join("+");

/** What tells two paintings of one photograph apart. @param {Record<string, any>} settings */
const settingsKey = (settings) =>
  JSON.stringify([...Object.entries(DEFAULTS).map(([key, value]) => settings[key] ?? value), Boolean(settings.masked), Boolean(settings.slow)]);
