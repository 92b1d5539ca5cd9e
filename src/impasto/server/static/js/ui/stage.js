/** The painting on the wall: comparing with the photograph, looking closely, and drawing a mask. */

import { context } from "../studio/canvas.js";
import { byId, clamp, input, words } from "./dom.js";
import { speak } from "./notices.js";

/** @typedef {import("../studio/studio.js").Studio} Studio */

const REDUCED = matchMedia("(prefers-reduced-motion: reduce)");

/** What each tool does. @type {Record<string, string>} */
const HINTS = {
  keep: "Brush over what should stay as in the photograph.",
  paint: "Brush over what should be painted.",
  fade: "Drag a line from where the photograph stays to where it is painted. Between, one passes into the other.",
};

/** Soft passages by name, from the photograph to the painting. @type {Record<string, {x: number, y: number}[]>} */
const PRESETS = {
  right: [{ x: 0, y: 0 }, { x: 1, y: 0 }],
  left: [{ x: 1, y: 0 }, { x: 0, y: 0 }],
  bottom: [{ x: 0, y: 0 }, { x: 0, y: 1 }],
  top: [{ x: 0, y: 1 }, { x: 0, y: 0 }],
};

export class Stage {
  /** @param {Studio} studio */
  constructor(studio) {
    this.studio = studio;
    this.frame = byId("frame");
    this.compare = input("compare");
    this.after = /** @type {HTMLCanvasElement} */ (byId("after"));
    this.before = /** @type {HTMLCanvasElement} */ (byId("before"));
    this.ink = /** @type {HTMLCanvasElement} */ (byId("ink"));
    this.masking = false;
    this.tool = "keep";
    /** @type {{x: number, y: number}} */
    this._center = { x: 0.5, y: 0.5 };
    this._zoomed = false;
    new ResizeObserver(() => this.layout()).observe(byId("easel-photo"));
    studio.addEventListener("photo", () => this._showPhoto());
    studio.addEventListener("painting", () => this._showPainting());
    studio.addEventListener("busy", () => this._showBusy());
    this.compare.addEventListener("input", () => this.split(Number(this.compare.value)));
    this._listenToPointer();
    this._listenToHold();
    this._listenToMaskTools();
    byId("zoom").addEventListener("click", () => this.zoom(!this._zoomed));
    this._showPhoto();
  }

  // ---- before and after

  /** Show the photograph up to a percentage of the width. @param {number} percent */
  split(percent) {
    const value = clamp(percent, 0, 100);
    this.frame.style.setProperty("--split", `${value}%`);
    this.frame.style.setProperty("--at", String(value / 100));
    this.frame.classList.toggle("edge", value === 0 || value === 100);
    this.frame.classList.toggle("comparing", value > 8 && value < 92);
    this.compare.value = String(Math.round(value));
    this.compare.setAttribute("aria-valuetext", `${Math.round(value)} % photograph`);
  }

  /** Wipe from the photograph to the painting. */
  reveal() {
    const rest = 0;
    if (REDUCED.matches) return this.split(rest);
    const started = performance.now();
    /** @param {number} now */
    const step = (now) => {
      const t = clamp((now - started) / 1500, 0, 1);
      const eased = 1 - (1 - t) ** 3;
      this.split(100 + (rest - 100) * eased);
      if (t < 1 && !this._dragging) requestAnimationFrame(step);
    };
    this.split(100);
    requestAnimationFrame(step);
  }

  /** @param {boolean} held */
  hold(held) {
    if (this.frame.classList.contains("held") === held) return;
    this.frame.classList.toggle("held", held);
    if (held) speak("The photograph");
  }

  // ---- size

  /** Fit the frame into the wall. */
  layout() {
    const { photo } = this.studio;
    if (!photo) return;
    const easel = byId("easel-photo");
    const width = easel.clientWidth;
    const height = easel.clientHeight;
    if (!width || !height) return;
    const scale = Math.min(width / photo.width, height / photo.height);
    this.frame.style.width = `${Math.round(photo.width * scale)}px`;
    this.frame.style.height = `${Math.round(photo.height * scale)}px`;
    const wall = /** @type {HTMLElement} */ (easel.parentElement);
    wall.style.setProperty("--frame-w", `${Math.round(photo.width * scale)}px`);
    wall.style.setProperty("--frame-x", `${Math.round(easel.offsetLeft + (width - photo.width * scale) / 2)}px`);
    if (this._zoomed) this._placeZoom();
  }

  /** @param {boolean} on @param {{x: number, y: number}} [center] */
  zoom(on, center = { x: 0.5, y: 0.5 }) {
    if (!this.studio.photo || (on && this.masking)) return;
    this._zoomed = on;
    this._center = center;
    this.frame.classList.toggle("zoomed", on);
    byId("zoom").setAttribute("aria-pressed", String(on));
    this._showPainting();
    if (on) this._placeZoom();
  }

  _placeZoom() {
    const picture = this._zoomed && this.studio.full ? this.studio.full : this.studio.photo;
    if (!picture) return;
    const width = picture.width / devicePixelRatio;
    const height = picture.height / devicePixelRatio;
    const scale = Math.max(1, this.frame.clientWidth / width);
    const place = (/** @type {number} */ room, /** @type {number} */ side, /** @type {number} */ at) =>
      clamp(room / 2 - at * side, Math.min(0, room - side), 0);
    const w = width * scale, hgt = height * scale;
    this.frame.style.setProperty("--w", `${w}px`);
    this.frame.style.setProperty("--h", `${hgt}px`);
    this.frame.style.setProperty("--x", `${place(this.frame.clientWidth, w, this._center.x)}px`);
    this.frame.style.setProperty("--y", `${place(this.frame.clientHeight, hgt, this._center.y)}px`);
  }

  // ---- what is shown

  _showPhoto() {
    const { photo, before } = this.studio;
    this.frame.hidden = !photo;
    byId("blank").hidden = Boolean(photo);
    byId("caption").style.visibility = photo ? "" : "hidden";
    if (!photo || !before) return;
    this.zoom(false);
    copyTo(this.before, before);
    this.before.setAttribute("aria-label", `The photograph ${photo.name}`);
    this.endMask();
    this.layout();
  }

  _showPainting() {
    const { after, before, full } = this.studio;
    const shown = (this._zoomed && full) || after || before;
    if (shown) copyTo(this.after, shown);
    if (this._zoomed && this.studio.photo && full) {
      this.before.width = full.width;
      this.before.height = full.height;
      context(this.before).drawImage(this.studio.photo.bitmap, 0, 0, full.width, full.height);
      this._placeZoom();
    }
  }

  _showBusy() {
    const { busy } = this.studio;
    const thread = byId("thread");
    thread.hidden = !busy;
    if (!busy) return;
    const share = busy.total ? busy.done / busy.total : 0;
    thread.classList.toggle("unknown", busy.preview || share === 0);
    thread.style.setProperty("--done", `${100 * share}%`);
  }

  /** What is being done, in words; empty when nothing is. */
  get busyWords() {
    const { busy } = this.studio;
    if (!busy) return "";
    if (busy.preview || !busy.done) return "Painting…";
    const left = busy.secondsLeft === undefined ? "" : `, ${words(busy.secondsLeft)} left`;
    return `Painting… ${Math.round((100 * busy.done) / busy.total)} %${left}`;
  }

  // ---- the pointer

  /** @param {PointerEvent} event */
  _at(event) {
    const box = this.frame.getBoundingClientRect();
    return { x: (event.clientX - box.left) / box.width, y: (event.clientY - box.top) / box.height };
  }

  _listenToPointer() {
    const { frame } = this;
    /** @type {{x: number, y: number}|null} */
    let from = null;
    let moved = false;
    frame.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      frame.setPointerCapture(event.pointerId);
      from = this._at(event);
      moved = false;
      this._dragging = true;
      if (this.masking) this._maskStroke(from, from, "start");
      else if (!this._zoomed && event.pointerType !== "touch") this.split(100 * from.x);
    });
    frame.addEventListener("pointermove", (event) => {
      const at = this._at(event);
      if (this.masking) this._moveDot(event);
      if (!from) return;
      moved = true;
      if (this.masking) {
        this._maskStroke(from, at, "move");
        if (this.tool !== "fade") from = at;
      } else if (this._zoomed) {
        const w = parseFloat(frame.style.getPropertyValue("--w"));
        const hgt = parseFloat(frame.style.getPropertyValue("--h"));
        this._center = {
          x: clamp(this._center.x - ((at.x - from.x) * frame.clientWidth) / w, 0, 1),
          y: clamp(this._center.y - ((at.y - from.y) * frame.clientHeight) / hgt, 0, 1),
        };
        from = at;
        this._placeZoom();
      } else {
        this.split(100 * at.x);
      }
    });
    const end = (/** @type {PointerEvent} */ event) => {
      if (!from) return;
      if (this.masking) this._maskStroke(from, this._at(event), "end");
      else if (!moved && !this._zoomed && event.pointerType === "touch") this.split(100 * from.x);
      from = null;
      this._dragging = false;
    };
    frame.addEventListener("pointerup", end);
    frame.addEventListener("pointercancel", end);
    frame.addEventListener("pointerleave", () => (byId("brushdot").hidden = true));
    frame.addEventListener("dblclick", (event) => {
      if (!this.masking) this.zoom(!this._zoomed, this._at(/** @type {PointerEvent} */ (/** @type {unknown} */ (event))));
    });
  }

  _listenToHold() {
    const button = byId("hold");
    const start = () => this.hold(true);
    const stop = () => this.hold(false);
    button.addEventListener("pointerdown", start);
    for (const name of ["pointerup", "pointerleave", "pointercancel", "blur"]) button.addEventListener(name, stop);
    button.addEventListener("contextmenu", (event) => event.preventDefault());
    button.addEventListener("keydown", (event) => { if (event.key === " " || event.key === "Enter") { event.preventDefault(); start(); } });
    button.addEventListener("keyup", stop);
  }

  // ---- the mask

  startMask() {
    if (!this.studio.startMask()) return;
    this.zoom(false);
    this.masking = true;
    this.frame.classList.add("masking");
    byId("masktools").hidden = false;
    this.pick(this.tool);
    this.split(0);
    this._showMaskState();
    this.layout();
    this.studio.dispatchEvent(new Event("mask"));
  }

  endMask() {
    if (!this.masking) return;
    this.masking = false;
    this.frame.classList.remove("masking");
    byId("masktools").hidden = true;
    byId("brushdot").hidden = true;
    const { mask } = this.studio;
    if (mask && !mask.canUndo && mask.isFull) this.studio.removeMask();
    this.studio.dispatchEvent(new Event("mask"));
  }

  /** @param {string} tool */
  pick(tool) {
    this.tool = tool;
    byId("mask-hint").textContent = HINTS[tool];
    for (const name of ["keep", "paint", "fade"]) {
      byId(`mask-${name}`).setAttribute("aria-pressed", String(name === tool));
    }
  }

  /** @param {(mask: import("../studio/mask.js").Mask) => void} change */
  _changeMask(change) {
    const { mask } = this.studio;
    if (!mask) return;
    change(mask);
    this.studio.maskChanged(true);
    this._showMaskState();
  }

  undo() {
    this._changeMask((mask) => mask.undo());
  }

  invert() {
    this._changeMask((mask) => { mask.remember(); mask.invert(); });
  }

  _listenToMaskTools() {
    for (const name of ["keep", "paint", "fade"]) byId(`mask-${name}`).addEventListener("click", () => this.pick(name));
    const preset = /** @type {HTMLSelectElement} */ (byId("mask-preset"));
    preset.addEventListener("change", () => {
      this._changeMask((mask) => {
        mask.remember();
        const ends = PRESETS[preset.value];
        if (ends) mask.gradient(ends[0], ends[1]);
        else mask.radial();
      });
      preset.value = "";
    });
    byId("mask-invert").addEventListener("click", () => this.invert());
    byId("mask-undo").addEventListener("click", () => this.undo());
    byId("mask-remove").addEventListener("click", () => { this.studio.removeMask(); this.endMask(); });
    byId("mask-done").addEventListener("click", () => this.endMask());
  }

  _showMaskState() {
    /** @type {HTMLButtonElement} */ (byId("mask-undo")).disabled = !this.studio.mask?.canUndo;
  }

  /**
   * @param {{x: number, y: number}} from
   * @param {{x: number, y: number}} to
   * @param {"start"|"move"|"end"} phase
   */
  _maskStroke(from, to, phase) {
    const { mask } = this.studio;
    if (!mask) return;
    if (phase === "start") mask.remember();
    if (this.tool === "fade") {
      if (Math.hypot(to.x - from.x, to.y - from.y) > 0.01) mask.gradient(from, to);
    } else {
      mask.brush(from, to, Number(input("mask-size").value) / 100, this.tool === "paint");
    }
    if (phase === "end") {
      this._showMaskState();
      this.studio.maskChanged(true);
    } else if (!this._blending) {
      this._blending = true;
      requestAnimationFrame(() => {
        this._blending = false;
        if (this._dragging) this.studio.maskChanged(false);
      });
    }
  }

  /** @param {PointerEvent} event */
  _moveDot(event) {
    const dot = byId("brushdot");
    const at = this._at(event);
    const side = Math.max(this.frame.clientWidth, this.frame.clientHeight);
    const size = this.tool === "fade" ? 14 : (Number(input("mask-size").value) / 100) * side;
    dot.hidden = at.x < 0 || at.y < 0 || at.x > 1 || at.y > 1;
    Object.assign(dot.style, { left: `${100 * at.x}%`, top: `${100 * at.y}%`, width: `${size}px`, height: `${size}px` });
  }
}

/** @param {HTMLCanvasElement} target @param {HTMLCanvasElement} source */
function copyTo(target, source) {
  target.width = source.width;
  target.height = source.height;
  context(target).drawImage(source, 0, 0);
}


