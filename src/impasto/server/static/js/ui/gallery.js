/** All styles as previews: choosing one, searching, mixing a second one in. */

import { byId, h, input, urlOf } from "./dom.js";
import { speak } from "./notices.js";

/** @typedef {import("../studio/studio.js").Studio} Studio */
/** @typedef {import("../studio/shelf.js").ShelfStyle} ShelfStyle */

export class Gallery {
  /**
   * @param {Studio} studio
   * @param {{onChoose: () => void, onPickSecond: () => void}} page
   */
  constructor(studio, page) {
    this.studio = studio;
    this.page = page;
    this.grid = byId("grid");
    this.search = input("search");
    this.picksSecond = false;
    studio.shelf.addEventListener("change", () => this.render());
    studio.addEventListener("settings", () => this._mark());
    this.search.addEventListener("input", () => this._filter());
    this.search.addEventListener("keydown", (event) => {
      const visible = this._visible;
      if (event.key === "Escape") { this._clearSearch(); this.search.blur(); }
      if (event.key === "Enter" && visible.length === 1) { event.preventDefault(); this.search.blur(); this._choose(visible[0], event.shiftKey); }
      else if (event.key === "ArrowDown" || event.key === "Enter") { event.preventDefault(); this._focus(visible[0]); }
    });
    this.grid.addEventListener("click", (event) => this._click(event));
    this.grid.addEventListener("keydown", (event) => this._key(event));
    byId("mix-cancel").addEventListener("click", () => this.pickSecond(false));
  }

  /** The next style chosen is mixed in. @param {boolean} on */
  pickSecond(on) {
    this.picksSecond = on;
    byId("mix-hint").hidden = !on;
    if (!on) return;
    this._clearSearch();
    this.page.onPickSecond();
    speak("Choose the second style");
  }

  _clearSearch() {
    this.search.value = "";
    this._filter();
  }

  render() {
    const { shelf } = this.studio;
    this.search.placeholder = `Search ${shelf.gallery.length} styles`;
    this.grid.replaceChildren(...shelf.all.map((style) => this._tile(style)));
    this._filter();
    this._mark();
  }

  /** The style before or after the chosen one. @param {number} step */
  step(step) {
    const tiles = this._visible;
    const at = tiles.findIndex((tile) => tile.dataset.id === this.studio.settings.styles[0].id);
    const next = tiles[(at + step + tiles.length) % tiles.length];
    if (!next) return;
    this.studio.choose(next.dataset.id ?? "");
    next.scrollIntoView({ block: "nearest", inline: "nearest" });
  }

  /** @param {ShelfStyle} style */
  _tile(style) {
    const image = h("img", { alt: "", loading: "lazy", decoding: "async", draggable: "false", src: urlOf(style.preview) || null });
    const tile = h(
      "div",
      { class: "tile", role: "option", tabindex: "-1", "data-id": style.id, "aria-selected": "false",
        title: `${style.title}\n${style.detail}` },
      image,
      h("span", {}, style.title),
      h("i", { class: "sr" }, `, ${style.detail}`),
    );
    tile.dataset.words = `${style.title} ${style.detail} ${style.name}`.toLowerCase();
    return tile;
  }

  get _tiles() {
    return /** @type {HTMLElement[]} */ ([...this.grid.children]);
  }

  get _visible() {
    return this._tiles.filter((tile) => !tile.hidden);
  }

  _filter() {
    const wanted = this.search.value.toLowerCase().normalize("NFD").replace(/\p{M}/gu, "").split(/\s+/).filter(Boolean);
    for (const tile of this._tiles) {
      const words = (tile.dataset.words ?? "").normalize("NFD").replace(/\p{M}/gu, "");
      tile.hidden = !wanted.every((word) => words.includes(word));
    }
    const nothing = byId("nothing");
    nothing.hidden = this._visible.length > 0;
    nothing.textContent = `No style matches “${this.search.value}”. Any picture can be one: choose “Style from a picture”.`;
    this._roam();
  }

  _mark() {
    const { styles } = this.studio.settings;
    for (const tile of this._tiles) {
      const part = styles.find(({ id }) => id === tile.dataset.id);
      tile.setAttribute("aria-selected", String(Boolean(part)));
      tile.querySelector("b")?.remove();
      if (part && styles.length > 1) tile.append(h("b", {}, `${Math.round(100 * part.weight)} %`));
    }
    this._roam();
  }

  /** One tile can be reached by Tab; arrows go on from it. */
  _roam() {
    const chosen = this._visible.find((tile) => tile.getAttribute("aria-selected") === "true") ?? this._visible[0];
    for (const tile of this._tiles) tile.tabIndex = tile === chosen ? 0 : -1;
  }

  /** @param {HTMLElement|undefined} tile */
  _focus(tile) {
    if (!tile) return;
    for (const other of this._tiles) other.tabIndex = other === tile ? 0 : -1;
    tile.focus();
  }

  /** @param {MouseEvent} event */
  _click(event) {
    const tile = /** @type {HTMLElement} */ (event.target).closest(".tile");
    if (!tile) return;
    this._choose(/** @type {HTMLElement} */ (tile), event.shiftKey);
    /** @type {HTMLElement} */ (tile).blur(); // the keys of the page work on
  }

  /** @param {HTMLElement} tile @param {boolean} mixes */
  _choose(tile, mixes) {
    const id = tile.dataset.id ?? "";
    if (mixes || this.picksSecond) {
      this.pickSecond(false);
      this.studio.mixIn(id);
    } else {
      this.studio.choose(id);
    }
    this.page.onChoose();
    tile.scrollIntoView({ block: "nearest", inline: "nearest" });
    speak(`${this.studio.shelf.find(id)?.title ?? "Style"} chosen`);
  }

  /** @param {KeyboardEvent} event */
  _key(event) {
    const tiles = this._visible;
    const at = tiles.indexOf(/** @type {HTMLElement} */ (document.activeElement));
    if (at < 0) return;
    const first = tiles[0].offsetTop;
    const columns = Math.max(1, tiles.filter((tile) => tile.offsetTop === first).length);
    /** @type {Record<string, number>} */
    const steps = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: columns, ArrowUp: -columns, Home: -at, End: tiles.length - 1 - at };
    if (event.key in steps) {
      event.preventDefault();
      event.stopPropagation();
      this._focus(tiles[Math.min(tiles.length - 1, Math.max(0, at + steps[event.key]))]);
    } else if (event.key === "Enter" || event.key === " ") {
      event.preventDefault();
      event.stopPropagation();
      this._choose(tiles[at], event.shiftKey);
    } else if (event.key === "Delete" && tiles[at].dataset.id?.startsWith("own:")) {
      event.preventDefault();
      this.remove(tiles[at].dataset.id ?? "");
    }
  }

  /** Remove an own style. @param {string} id */
  async remove(id) {
    const { studio } = this;
    await studio.shelf.remove(id);
    const left = studio.settings.styles.filter((style) => style.id !== id);
    if (left.length < studio.settings.styles.length) {
      studio.choose(left[0]?.id ?? studio.shelf.gallery[0].id);
    }
  }
}


