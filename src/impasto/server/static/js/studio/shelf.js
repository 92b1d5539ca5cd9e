/** All styles that the page can choose: the gallery's, and the user's own pictures and files. */

import { decode, thumbnail } from "./canvas.js";
import { deleteStyle, loadStyles, saveStyle } from "./archive.js";
import { stem } from "../ui/dom.js";

/** Styles of the gallery that are shown first, as they differ most; the others follow by name. */
const FIRST = [
  "temeraire", "starry-night", "the-scream", "composition-vii", "water-lilies", "great-wave", "edtaonisl", "persian-vase",
  "the-kiss", "udnie", "girl-with-cat", "two-women",
];

/** @typedef {import("../painters/painter.js").Painter} Painter */
/** @typedef {import("../painters/painter.js").Style} PainterStyle */
/** @typedef {import("./archive.js").OwnStyle} OwnStyle */

/**
 * A style as the page shows it. `id` is "gallery:NAME" or "own:KEY" and stays the same over reloads.
 * @typedef {Object} ShelfStyle
 * @property {string} id
 * @property {string} title
 * @property {string} detail  Artist and year, or what kind of file it is.
 * @property {string} name  For file names.
 * @property {"gallery"|"picture"|"file"} kind
 * @property {Blob|string|null} preview
 * @property {Blob} [source]  The picture or style file of an own style.
 */

/** Dispatches "change". */
export class Shelf extends EventTarget {
  constructor() {
    super();
    /** @type {ShelfStyle[]} */
    this.gallery = [];
    /** @type {ShelfStyle[]} */
    this.own = [];
    /**
     * Styles that a painter knows already, by the page's id.
     * @type {WeakMap<Painter, Map<string, Promise<PainterStyle>>>}
     */
    this._known = new WeakMap();
  }

  /** All styles, own ones first. */
  get all() {
    return [...this.own, ...this.gallery];
  }

  /** @param {string} id @returns {ShelfStyle|undefined} */
  find(id) {
    return this.all.find((style) => style.id === id);
  }

  /** Read the gallery and what this browser keeps. @param {string} base  Address of the site. */
  async load(base) {
    const response = await fetch(new URL("gallery/gallery.json", base));
    if (!response.ok) throw new Error("cannot read the gallery: the site is incomplete; export it again");
    const { styles } = await response.json();
    this.gallery = styles
      .filter((/** @type {any} */ { name }) => name !== "photo")
      .map((/** @type {any} */ style) => ({
        id: `gallery:${style.name}`,
        name: style.name,
        title: style.title || style.name,
        detail: [style.artist, style.year].filter(Boolean).join(", "),
        kind: "gallery",
        preview: new URL(style.preview ?? `gallery/previews/${style.name}.webp`, base).href,
      }))
      .sort((/** @type {ShelfStyle} */ a, /** @type {ShelfStyle} */ b) => place(a) - place(b));
    this.own = (await loadStyles()).map(shelved).reverse();
    this._changed();
  }

  /**
   * Keep a picture or a style file as a style.
   * @param {Blob} source
   * @param {string} fileName
   * @param {Painter} painter  Reads it at once, so that a broken file is refused.
   * @param {Blob|null} [picture]  What the preview shows, for a style file.
   * @returns {Promise<ShelfStyle>}
   */
  async add(source, fileName, painter, picture = null) {
    const kind = /\.safetensors$/i.test(fileName) ? "file" : "picture";
    let preview = picture;
    if (kind === "picture") preview = await thumbnail(await decode(source, fileName));
    /** @type {OwnStyle} */
    const kept = { key: crypto.randomUUID(), time: Date.now(), title: stem(fileName), kind, source, preview };
    const style = shelved(kept);
    this.own.unshift(style);
    try {
      const known = await this._painterStyle(painter, style);
      if (!kept.preview && known.preview instanceof Blob) kept.preview = style.preview = known.preview;
      if (kind === "file" && known.title) kept.title = style.title = known.title;
    } catch (error) {
      this.own.splice(this.own.indexOf(style), 1);
      throw error;
    }
    await saveStyle(kept);
    this._changed();
    return style;
  }

  /** @param {string} id */
  async remove(id) {
    this.own = this.own.filter((style) => style.id !== id);
    await deleteStyle(id.replace("own:", ""));
    this._changed();
  }

  /**
   * The mix with the ids that a painter knows; own styles are read by it first.
   * @param {Painter} painter
   * @param {{id: string, weight: number}[]} mix
   */
  async resolve(painter, mix) {
    return Promise.all(
      mix.map(async ({ id, weight }) => {
        const style = this.find(id);
        if (!style) throw new Error("cannot paint: this style was removed; choose another");
        return { id: style.kind === "gallery" ? id : (await this._painterStyle(painter, style)).id, weight };
      }),
    );
  }

  /**
   * An own style as a style file.
   * @param {Painter} painter
   * @param {ShelfStyle} style
   */
  async file(painter, style) {
    if (style.kind === "file" && style.source) return style.source;
    return painter.saveStyle(await this._painterStyle(painter, style));
  }

  /**
   * @param {Painter} painter
   * @param {ShelfStyle} style
   * @returns {Promise<PainterStyle>}
   */
  _painterStyle(painter, style) {
    let known = this._known.get(painter);
    if (!known) this._known.set(painter, (known = new Map()));
    const cached = known.get(style.id);
    if (cached) return cached;
    const source = style.source ?? new Blob();
    const added = style.kind === "file" ? painter.addStyleFile(source, style.title) : painter.addPicture(source, style.title);
    known.set(style.id, added);
    added.catch(() => known.delete(style.id));
    return added;
  }

  _changed() {
    this.dispatchEvent(new Event("change"));
  }
}

/** @param {OwnStyle} kept @returns {ShelfStyle} */
function shelved({ key, title, kind, source, preview }) {
  const name = title.toLowerCase().replace(/[^\p{L}\p{N}]+/gu, "-").replace(/^-|-$/g, "") || "own";
  const detail = kind === "file" ? "Style file" : "From your picture";
  return { id: `own:${key}`, name, title, detail, kind, preview, source };
}

/** @param {ShelfStyle} style */
const place = ({ name }) => (FIRST.includes(name) ? FIRST.indexOf(name) : FIRST.length);
