/** What comes in: dropped, pasted, chosen and shot pictures, style files, paintings made here, clips. */

import { readSettings } from "../studio/metadata.js";
import { DEFAULTS, known } from "../studio/studio.js";
import { byId, input } from "./dom.js";
import { complain, notify } from "./notices.js";

/** @typedef {import("../studio/studio.js").Studio} Studio */
/** @typedef {import("../studio/queue.js").Queue} Queue */

const STYLE_FILE = /\.safetensors$/i;

export class Intake {
  /**
   * @param {Studio} studio
   * @param {Queue} queue
   * @param {{showPhoto: () => void, openClip: (file: File) => void, learnOffer: (style: import("../studio/shelf.js").ShelfStyle) => {action?: string, act?: () => void}}} page
   */
  constructor(studio, queue, page) {
    this.studio = studio;
    this.queue = queue;
    this.page = page;
    this._bindPickers();
    this._bindDrop();
    document.addEventListener("paste", (event) => this._paste(event));
  }

  choose() {
    input("pick-photo").click();
  }

  _bindPickers() {
    const photo = input("pick-photo"), style = input("pick-style");
    byId("open").addEventListener("click", () => photo.click());
    byId("blank-open").addEventListener("click", () => photo.click());
    byId("add-style").addEventListener("click", () => style.click());
    photo.addEventListener("change", () => { this.take([...(photo.files ?? [])]); photo.value = ""; });
    style.addEventListener("change", () => { this.takeStyles([...(style.files ?? [])]); style.value = ""; });
  }

  _bindDrop() {
    const veil = byId("veil");
    let depth = 0;
    const isFiles = (/** @type {DragEvent} */ event) => event.dataTransfer?.types.includes("Files");
    const overStyle = (/** @type {DragEvent} */ event) => {
      const box = veil.querySelector(".veil-style")?.getBoundingClientRect();
      return Boolean(box && event.clientX >= box.left && event.clientY >= box.top);
    };
    const show = (/** @type {boolean} */ on) => { veil.hidden = !on; if (!on) depth = 0; };
    addEventListener("dragenter", (event) => { if (isFiles(event)) { event.preventDefault(); depth += 1; show(true); } });
    addEventListener("dragleave", () => { depth -= 1; if (depth <= 0) show(false); });
    addEventListener("dragover", (event) => {
      if (!isFiles(event)) return;
      event.preventDefault();
      if (event.dataTransfer) event.dataTransfer.dropEffect = "copy";
      veil.querySelector(".veil-style")?.classList.toggle("over", overStyle(event));
      veil.querySelector(".veil-photo")?.classList.toggle("over", !overStyle(event));
    });
    addEventListener("drop", (event) => {
      event.preventDefault();
      const asStyle = !veil.hidden && overStyle(event);
      show(false);
      const files = [...(event.dataTransfer?.files ?? [])];
      if (!files.length) complain(new Error("cannot open this: only files can be dropped; save the picture first, then drop it"));
      else if (asStyle) this.takeStyles(files);
      else this.take(files);
    });
  }

  /** @param {ClipboardEvent} event */
  _paste(event) {
    const target = /** @type {HTMLElement} */ (event.target);
    const files = [...(event.clipboardData?.files ?? [])];
    if (!files.length) {
      if (!target.closest("input, textarea")) notify("There is no picture on the clipboard.");
      return;
    }
    event.preventDefault();
    this.take(files);
    if (files.length === 1 && files[0].type.startsWith("image/")) {
      notify("Pasted as the photograph.", { action: "Use as a style instead", act: () => this.takeStyles(files) });
    }
  }

  /**
   * Open files, each as what it is.
   * @param {File[]} files
   */
  async take(files) {
    try {
      const styles = files.filter(({ name }) => STYLE_FILE.test(name));
      const clips = files.filter(({ type }) => type.startsWith("video/"));
      const photos = files.filter((file) => !styles.includes(file) && !clips.includes(file));
      if (styles.length) await this.takeStyles(styles);
      if (clips.length) this.page.openClip(clips[0]);
      if (photos.length > 1) {
        this.page.showPhoto();
        this.queue.add(photos);
      } else if (photos.length === 1) {
        this.page.showPhoto();
        await this._takePhoto(photos[0]);
      }
    } catch (error) {
      complain(error);
    }
  }

  /** @param {File} file */
  async _takePhoto(file) {
    const settings = await readSettings(file);
    if (settings) return this._restore(file, settings);
    await this.studio.openPhoto(file, file.name || "pasted");
  }

  /** @param {File} file @param {Record<string, any>} written */
  async _restore(file, written) {
    const { studio } = this;
    const entry = studio.entries.find(({ photoId, kind }) => kind === "picture" && photoId === written.photo);
    const missing = written.styles.filter((/** @type {any} */ { id }) => !studio.shelf.find(id));
    const settings = { ...structuredClone(DEFAULTS), ...known(written) };
    if (missing.length) settings.styles = studio.settings.styles;
    Object.assign(studio.settings, settings);
    if (entry && entry.photoId !== studio.photo?.id) await studio.openPhoto(entry.photo, entry.name, { id: entry.photoId, paint: false });
    studio.change({});
    const isHere = studio.photo?.id === written.photo;
    const photo = isHere ? "The photograph is open." : `Open the photograph they belong to${written.name ? `, ${written.name}` : ""}.`;
    const style = missing.length ? ` Only the style “${missing[0].title}” is not in this browser.` : "";
    notify(`The settings of ${file.name} are back.${style} ${photo}`, {
      ...(isHere ? {} : { action: "Open the photograph", act: () => this.choose() }),
      more: ["Paint this picture itself", () => { studio.openPhoto(file, file.name).catch(complain); }],
    });
  }

  /** Use files as styles. @param {File[]} files */
  async takeStyles(files) {
    const { studio } = this;
    for (const file of files) {
      try {
        if (!studio.painter) throw new Error("cannot read a style: the painter is not ready yet; try again in a moment");
        const chosen = studio.settings.styles;
        let close = () => {};
        const reading = setTimeout(() => (close = notify("Reading the style…")), 400);
        const style = await studio.shelf.add(file, file.name || "pasted", studio.painter).finally(() => {
          clearTimeout(reading);
          close();
        });
        const isStill = chosen === studio.settings.styles; // no other was chosen meanwhile
        if (isStill) studio.choose(style.id);
        notify(`“${style.title}” is a style now.`, isStill ? this.page.learnOffer(style) : { action: "Use it", act: () => studio.choose(style.id) });
      } catch (error) {
        complain(error);
      }
    }
  }
}
