/** The settings beside the gallery: mix, strength, strokes, colors, size, network. */

import { byId, clamp, fillTrack, h, icon, input, urlOf } from "./dom.js";

/** @typedef {import("../studio/studio.js").Studio} Studio */
/** @typedef {import("../painters/painter.js").PainterInfo} PainterInfo */
/** @typedef {import("./gallery.js").Gallery} Gallery */

/** Positions of the stroke slider. @type {("auto"|number)[]} */
const STROKES = ["auto", 0.5, 0.75, 1, 1.5, 2, 3, 4, 8];

/** @type {Record<string, string>} */
const COLORS = {
  style: "Of the style",
  none: "Of the style",
  luminance: "Of the photograph",
  "linear-mkl": "Mood of the photograph",
  "linear-pca": "Mood, second way",
  "linear-cholesky": "Mood, third way (may tint)",
  histogram: "Mood, strongest (may break)",
};

/** @type {Record<string, string>} */
const NETWORKS = { small: "Fastest", base: "Normal", large: "Slow, nearest to the style" };

const SIZES = [512, 1024, 2048, 4096];

export class Controls {
  /** @param {Studio} studio @param {Gallery} gallery */
  constructor(studio, gallery) {
    this.studio = studio;
    this.gallery = gallery;
    this.color = /** @type {HTMLSelectElement} */ (byId("color"));
    this.size = /** @type {HTMLSelectElement} */ (byId("size"));
    this.network = /** @type {HTMLSelectElement} */ (byId("network"));
    this._slider("strength", (value) => ({ strength: value / 100 }));
    this._slider("stroke", (value) => ({ stroke: STROKES[value] }));
    this.color.addEventListener("change", () => studio.change({ color: this.color.value }));
    this.size.addEventListener("change", () => studio.change({ size: Number(this.size.value) || null }));
    this.network.addEventListener("change", () =>
      studio.change({ network: /** @type {"small"|"base"|"large"} */ (this.network.value) }));
    for (const name of ["settings", "photo"]) studio.addEventListener(name, () => this.show());
    studio.shelf.addEventListener("change", () => this.show());
  }

  /** Offer what the painter can do. @param {PainterInfo} info */
  offer(info) {
    const { settings } = this.studio;
    offerNames(this.color, info.colors, COLORS);
    offerNames(this.network, info.networks, NETWORKS);
    if (!info.networks.includes(settings.network)) settings.network = /** @type {"base"} */ (info.networks[0]);
    if (!info.colors.includes(settings.color)) settings.color = info.colors[0];
    this.show();
  }

  /** Show the settings as they are. */
  show() {
    const { settings, photo } = this.studio;
    this._set("strength", Math.round(settings.strength * 100), `${Math.round(settings.strength * 100)} %`);
    const stroke = STROKES.indexOf(settings.stroke);
    this._set("stroke", Math.max(0, stroke), settings.stroke === "auto" ? "Automatic" : `× ${settings.stroke}`);
    // until a painter is there, what is chosen is all that is offered
    if (!this.studio.painter) {
      offerNames(this.color, [settings.color], COLORS);
      offerNames(this.network, [settings.network], NETWORKS);
    }
    this.color.value = settings.color;
    this.network.value = settings.network;
    this._offerSizes(photo, settings.size);
    this._showMix();
  }

  /** Stronger or weaker by the keyboard. @param {number} percent */
  strengthen(percent) {
    const strength = clamp(Math.round(100 * this.studio.settings.strength) + percent, 0, 100) / 100;
    this.studio.change({ strength });
  }

  /** @param {{width: number, height: number}|null} photo @param {number|null} size */
  _offerSizes(photo, size) {
    const longest = photo ? Math.max(photo.width, photo.height) : 0;
    const sizes = SIZES.filter((side) => side < longest);
    if (size && !sizes.includes(size)) sizes.push(size);
    this.size.replaceChildren(
      h("option", { value: "" }, photo ? `Full, ${photo.width} × ${photo.height}` : "Full"),
      ...sizes.map((side) => h("option", { value: String(side) }, `${side} pixels`)),
    );
    this.size.value = size ? String(size) : "";
  }

  _showMix() {
    const { settings, shelf } = this.studio;
    const [first, second] = settings.styles.map(({ id }) => shelf.find(id));
    const box = byId("mix");
    if (!first) return box.replaceChildren();
    if (!second) {
      box.replaceChildren(
        thumb(first.preview, null),
        h("div", { class: "mix-words" }, h("p", { class: "name" }, first.title), h("p", { class: "who" }, first.detail)),
        h("button", { class: "quiet small", id: "mix-start", title: "Mix in a second style (or hold Shift and choose it)",
          on: { click: () => this.gallery.pickSecond(true) } }, icon("plus"), h("span", {}, "Mix"), h("span", { class: "sr" }, " in a second style")),
      );
      return;
    }
    const share = Math.round(100 * settings.styles[1].weight);
    if (this._mixed === `${first.id} ${second.id}` && input("mix-share")) {
      this._set("mix-share", share, `${100 - share} : ${share}`);
      return;
    }
    const slider = h("input", { type: "range", id: "mix-share", min: 0, max: 100, value: share, "aria-label": `Mix of ${first.title} and ${second.title}` });
    const words = h("output", { id: "mix-share-out", for: "mix-share" });
    box.replaceChildren(
      thumb(first.preview, { label: `Only ${first.title}`, act: () => this.studio.choose(first.id) }),
      h("div", { class: "mix-slider" }, slider, words),
      thumb(second.preview, { label: `Only ${second.title}`, act: () => this.studio.choose(second.id) }),
      h("button", { class: "quiet square small", "aria-label": `Take ${second.title} out`, title: "Take the second style out",
        on: { click: () => this.studio.choose(first.id) } }, icon("close")),
    );
    this._mixed = `${first.id} ${second.id}`;
    this._slider("mix-share", (value) => {
      const [a, b] = this.studio.settings.styles;
      return { styles: [{ id: a.id, weight: 1 - value / 100 }, { id: b.id, weight: value / 100 }] };
    });
    this._set("mix-share", share, `${100 - share} : ${share}`);
  }

  /**
   * Repaint a preview while a slider moves, and the full size when it is let go.
   * @param {string} id
   * @param {(value: number) => Partial<import("../studio/studio.js").Settings>} change
   */
  _slider(id, change) {
    const slider = input(id);
    slider.addEventListener("input", () => this.studio.change(change(Number(slider.value)), { live: true }));
    slider.addEventListener("change", () => this.studio.change(change(Number(slider.value))));
  }

  /** @param {string} id @param {number} value @param {string} words */
  _set(id, value, words) {
    const slider = input(id);
    slider.value = String(value);
    fillTrack(slider);
    slider.setAttribute("aria-valuetext", words);
    byId(`${id}-out`).textContent = words;
  }
}

/** @param {HTMLSelectElement} select @param {string[]} names @param {Record<string, string>} titles */
function offerNames(select, names, titles) {
  select.replaceChildren(...names.map((name) => h("option", { value: name }, titles[name] ?? name)));
}

/** @param {Blob|string|null} preview @param {{label: string, act: () => void}|null} button */
function thumb(preview, button) {
  const image = h("img", { src: urlOf(preview) || null, alt: "" });
  if (!button) return h("div", { class: "mix-style" }, image);
  return h("button", { class: "mix-style", "aria-label": button.label, title: button.label, on: { click: button.act } }, image);
}
