/** Many photographs, painted one after the other with the same settings. */

import { decode, encode, fit, fromData, thumbnail } from "./canvas.js";
import { isAbort, sentence } from "../ui/dom.js";
import { strokeOf, targetSide } from "./studio.js";

/** @typedef {import("./studio.js").Studio} Studio */
/** @typedef {import("./studio.js").Settings} Settings */

/**
 * @typedef {Object} QueueItem
 * @property {string} id
 * @property {number} time  Later ones stand further left in the strip: of one choice of files, the first.
 * @property {File|Blob} file
 * @property {string} name
 * @property {Settings} settings
 * @property {"waiting"|"painting"|"done"|"failed"|"stopped"} state
 * @property {number} progress  0..1
 * @property {string} error
 * @property {Blob|null} thumb
 * @property {string} photoId  The same for all paintings of one photograph.
 * @property {string|null} entryId  The painting in the history.
 * @property {AbortController} control
 */

/** Dispatches "change". */
export class Queue extends EventTarget {
  /** @param {Studio} studio */
  constructor(studio) {
    super();
    this.studio = studio;
    /** @type {QueueItem[]} */
    this.items = [];
    this._running = false;
    this._started = 0;
    this._share = 0; // of pictures painted since the start
    /** Shown while many are added; the first painting replaces it, if it is still shown. @type {import("./studio.js").Photo|null} */
    this._shown = null;
  }

  get left() {
    return this.items.filter(({ state }) => state === "waiting" || state === "painting").length;
  }

  get done() {
    return this.items.filter(({ state }) => state === "done");
  }

  /** Seconds until all are painted, or null while nothing is known. */
  get secondsLeft() {
    const current = this.items.find(({ state }) => state === "painting");
    const painted = this._share + (current?.progress ?? 0);
    if (!this.left || painted < 0.15) return null;
    const each = (performance.now() - this._started) / 1000 / painted;
    return each * (this.left - (current?.progress ?? 0));
  }

  /** @param {(File|Blob & {name?: string})[]} files */
  add(files) {
    const now = Date.now();
    files.forEach((file, place) => this._push(file, file.name ?? "photograph", now - place));
    this._start();
  }

  /** Whether another style is chosen now than the one that the queue painted with. */
  get hasOtherStyle() {
    const chosen = JSON.stringify(this.studio.settings.styles);
    return this.done.some(({ settings }) => JSON.stringify(settings.styles) !== chosen);
  }

  /** Paint the photographs that are done once more, with the settings as they are now. */
  again() {
    const { done } = this;
    this.items = this.items.filter(({ state }) => state !== "done");
    const now = Date.now();
    done.forEach(({ file, name, photoId }, place) => this._push(file, name, now - place, photoId));
    this._start();
  }

  /** @param {File|Blob} file @param {string} name @param {number} time @param {string} [photoId] */
  _push(file, name, time, photoId = crypto.randomUUID()) {
    this.items.push({
      id: crypto.randomUUID(), time, file, name, photoId, settings: structuredClone(this.studio.settings),
      state: "waiting", progress: 0, error: "", thumb: null, entryId: null, control: new AbortController(),
    });
  }

  _start() {
    this._shown ??= this.studio.photo;
    this._changed();
    this._preview();
    if (!this._running) this._run();
  }

  /** Show what waits, one after the other. */
  async _preview() {
    for (const item of this.items) {
      if (item.thumb || item.state !== "waiting") continue;
      try {
        const bitmap = await createImageBitmap(item.file, { imageOrientation: "from-image", resizeHeight: 160, resizeQuality: "medium" });
        item.thumb = await thumbnail(bitmap);
        bitmap.close();
      } catch {
        continue; // what is wrong is said when it is painted
      }
      this._changed();
    }
  }

  /** Take one out; if it is being painted, stop it. @param {string} id */
  cancel(id) {
    const item = this.items.find((one) => one.id === id);
    item?.control.abort();
    this.items = this.items.filter((one) => one.id !== id);
    this._changed();
  }

  /** Stop all that is not done. */
  stop() {
    for (const item of this.items) {
      if (item.state === "waiting" || item.state === "painting") {
        item.state = "stopped";
        item.control.abort();
      }
    }
    this._changed();
  }

  /** Paint what was stopped or failed. */
  resume() {
    for (const item of this.items) {
      if (item.state === "stopped" || item.state === "failed") {
        Object.assign(item, { state: "waiting", progress: 0, error: "", control: new AbortController() });
      }
    }
    this._changed();
    if (!this._running) this._run();
  }

  /** Forget all; what is painted stays in the history. Returns what was forgotten. */
  clear() {
    this.stop();
    const { items } = this;
    this.items = [];
    this._changed();
    return items;
  }

  /** Put back what was forgotten. @param {QueueItem[]} items */
  restore(items) {
    this.items = [...items, ...this.items];
    this._changed();
  }

  async _run() {
    this._running = true;
    this._started = performance.now();
    this._share = 0;
    for (;;) {
      const item = this.items.find(({ state }) => state === "waiting");
      if (!item) break;
      item.state = "painting";
      this._changed();
      await this.studio.idle; // what the user looks at comes first
      try {
        await this._paint(item);
        item.state = "done";
      } catch (error) {
        if (!isAbort(error)) Object.assign(item, { state: "failed", error: sentence(error) });
        else if (item.state === "painting") item.state = "stopped";
      }
      this._share += 1;
      this._changed();
    }
    this._running = false;
    this._shown = null;
    this._changed();
    if (this.done.length > 1 && this.done.length === this.items.length) this.dispatchEvent(new Event("done"));
  }

  /** @param {QueueItem} item */
  async _paint(item) {
    const { studio } = this;
    const { painter } = studio;
    const { signal } = item.control;
    signal.throwIfAborted();
    if (!painter) throw new Error("cannot paint: nothing is ready to paint yet; try again");
    const bitmap = await decode(item.file, item.name);
    item.thumb ??= await thumbnail(bitmap);
    this._changed();
    signal.throwIfAborted();
    const longest = Math.max(bitmap.width, bitmap.height);
    const target = targetSide(bitmap, item.settings.size, studio.maxPixels);
    const styles = await studio.shelf.resolve(painter, item.settings.styles);
    const settings = { ...item.settings, styles, stroke: strokeOf(item.settings.stroke, target) };
    const data = await painter.paint(
      painter.where === "server" ? item.file : bitmap,
      studio.options(settings, target < longest ? target : undefined, null),
      {
        signal,
        onProgress: ({ done, total }) => {
          item.progress = total ? done / total : 0;
          this._changed();
        },
      },
    );
    const canvas = fromData(data);
    const { width, height } = fit(canvas.width, canvas.height, 240);
    const thumb = await thumbnail(canvas, Math.max(width, height));
    const painting = await encode(canvas, "image/jpeg", 0.95);
    bitmap.close();
    signal.throwIfAborted(); // what is stopped or taken out while it is written is not kept
    item.thumb = thumb;
    item.entryId = item.id;
    /** @type {import("./archive.js").Entry} */
    const entry = {
      id: item.id, time: item.time, kind: "picture", name: item.name, photoId: item.photoId, photo: item.file,
      painting, thumb, settings: item.settings,
    };
    await studio.keep(entry);
    if (!signal.aborted && this._shown && studio.photo === this._shown && !studio.mask && !studio.busy) await studio.show(entry);
    this._shown = null;
  }

  _changed() {
    this.dispatchEvent(new Event("change"));
  }
}
