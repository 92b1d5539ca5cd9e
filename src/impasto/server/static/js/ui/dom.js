/** Small helpers for the page: elements, icons, words for numbers. */

const SVG = "http://www.w3.org/2000/svg";

/**
 * Make an element.
 * @template {keyof HTMLElementTagNameMap} T
 * @param {T} tag
 * @param {Record<string, any>} [props]  Attributes; `on` holds listeners, `class` the class.
 * @param {...(Node|string|null|undefined|false)} children
 * @returns {HTMLElementTagNameMap[T]}
 */
export function h(tag, props = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "on") {
      for (const [event, listener] of Object.entries(value)) element.addEventListener(event, listener);
    } else if (name === "style") {
      for (const [key, text] of Object.entries(value)) element.style.setProperty(key, text);
    } else {
      element.setAttribute(name, value === true ? "" : String(value));
    }
  }
  for (const child of children) if (child) element.append(child);
  return element;
}

/**
 * The element with an id, which must exist.
 * @param {string} id
 * @returns {HTMLElement}
 */
export function byId(id) {
  const element = document.getElementById(id);
  if (!element) throw new Error(`there is no #${id}`);
  return element;
}

/** @param {string} id @returns {HTMLInputElement} */
export const input = (id) => /** @type {HTMLInputElement} */ (byId(id));

/** @type {Record<string, string>} */
const PATHS = {
  open: "M3 15.5V5a1.5 1.5 0 0 1 1.5-1.5h11A1.5 1.5 0 0 1 17 5v10.5M3 14l4-4.5 3.2 3.4 2.3-2.4 4.5 4.5M13 7.2h.01M2.5 16.5h15",
  camera: "M3 6.5h3l1.4-2h5.2l1.4 2h3v9.5H3zM10 13.6a2.7 2.7 0 1 0 0-5.4 2.7 2.7 0 0 0 0 5.4z",
  copy: "M7 7h9.5v9.5H7zM4 13H3.5V3.5H13V4",
  download: "M10 3v9.5m0 0 3.8-3.8M10 12.5 6.2 8.7M3.5 16.5h13",
  share: "M10 12.5V3m0 0L6.5 6.5M10 3l3.5 3.5M5.5 9.5H4v7h12v-7h-1.5",
  eye: "M2 10s3-5.2 8-5.2S18 10 18 10s-3 5.2-8 5.2S2 10 2 10zm8 2.3a2.3 2.3 0 1 0 0-4.6 2.3 2.3 0 0 0 0 4.6z",
  mask: "M3 3.5h14v13H3zM3.3 16.3 16.8 3.7M8 16.3 16.8 8.2M12.5 16.3l4.3-4",
  brush: "M17 3c-4 1.5-7.5 5-8.8 7.7l1.9 1.9C12.8 11.3 16 7.3 17 3zM7.5 11.5c-2.3.2-2.2 3-4.5 4 2.5 1.3 6.3.6 6.4-2",
  gradient: "M3.5 3.5h13v13h-13zM6.5 3.5v13M9.5 3.5v13M13 3.5v13",
  eraser: "m8 16.5-4.7-4.7L12 3l5 5-8.5 8.5M6 8.8l5.2 5.2M8 16.5h9",
  invert: "M10 3a7 7 0 1 0 0 14zM10 3a7 7 0 0 1 0 14",
  undo: "M7 4 3.5 7.5 7 11M3.5 7.5H12a4.5 4.5 0 0 1 0 9H8",
  close: "m5 5 10 10M15 5 5 15",
  plus: "M10 4v12M4 10h12",
  check: "m4 10.5 4 4L16 6",
  device: "M3 4.5h14v9H3zM7 16.5h6",
  server: "M3.5 4h13v5h-13zM3.5 11h13v5h-13zM6.5 6.5h.01M6.5 13.5h.01",
  stop: "M5.5 5.5h9v9h-9z",
  search: "M8.8 14a5.2 5.2 0 1 0 0-10.4 5.2 5.2 0 0 0 0 10.4zM16.5 16.5l-4-4",
  video: "M3 5h9.5v10H3zM12.5 9 17 6.2v7.6L12.5 11",
  learn: "m10 3 1.6 4.9H17l-4.3 3.1 1.6 5L10 12.9 5.7 16l1.6-5L3 7.9h5.4z",
  zip: "M4 3.5h12v13H4zM10 3.5v2M10 7v2M10 10.5v3",
  menu: "M3.5 6h13M3.5 10h13M3.5 14h13",
  automatic: "M10 3.5a6.5 6.5 0 1 0 0 13zM10 3.5a6.5 6.5 0 0 1 0 13M12 6.5h3M12 10h4M12 13.5h3",
  sun: "M10 13.2a3.2 3.2 0 1 0 0-6.4 3.2 3.2 0 0 0 0 6.4zM10 2.5v1.7M10 15.8v1.7M2.5 10h1.7M15.8 10h1.7M4.7 4.7l1.2 1.2M14.1 14.1l1.2 1.2M15.3 4.7l-1.2 1.2M5.9 14.1l-1.2 1.2",
  moon: "M16.5 12.2A7 7 0 0 1 7.8 3.5a7 7 0 1 0 8.7 8.7z",
  play: "M7 4.8v10.4L15.5 10z",
  help: "M7.6 7.6a2.4 2.4 0 1 1 3.5 2.2c-.8.4-1.1.9-1.1 1.7M10 14.5h.01",
  zoom: "M3.5 8V3.5H8M16.5 8V3.5H12M3.5 12v4.5H8M16.5 12v4.5H12",
  save: "M4 3.5h9l3.5 3.5v9.5h-12.5zM7 3.5v4h5v-4M7 16.5v-5h6v5",
};

/**
 * A line icon of 20 x 20, which takes the color of the text and is hidden from screen readers.
 * @param {string} name
 * @returns {SVGSVGElement}
 */
export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 20 20");
  svg.setAttribute("aria-hidden", "true");
  svg.setAttribute("class", "icon");
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", PATHS[name] ?? PATHS.help);
  svg.append(path);
  return svg;
}

/** Put an icon before the text of each `[data-icon]` inside an element. @param {ParentNode} root */
export function placeIcons(root) {
  for (const element of root.querySelectorAll("[data-icon]")) {
    if (!element.querySelector(":scope > svg.icon")) {
      element.prepend(icon(/** @type {HTMLElement} */ (element).dataset.icon ?? ""));
    }
  }
}

/** @param {number} value @param {number} low @param {number} high */
export const clamp = (value, low, high) => Math.min(high, Math.max(low, value));

/**
 * A time in plain words: "4 s", "2 min", "1 h 5 min".
 * @param {number} seconds
 */
export function words(seconds) {
  const whole = Math.max(1, Math.round(seconds));
  if (whole < 90) return `${whole} s`;
  const minutes = Math.round(whole / 60);
  return minutes < 90 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** @param {unknown} error @returns {boolean} */
export const isAbort = (error) => error instanceof DOMException && error.name === "AbortError";

/**
 * One line that a user understands.
 * @param {unknown} error
 */
export function sentence(error) {
  const isOurs = !(error instanceof TypeError || error instanceof RangeError || error instanceof ReferenceError);
  const text = !isOurs ? "" : error instanceof Error ? error.message : String(error);
  const line = text.split("\n")[0].trim() || "something went wrong here; reload the page and try again";
  const capital = line[0].toUpperCase() + line.slice(1);
  return /[.!?]$/.test(capital) ? capital : `${capital}.`;
}

/** A stem of a file name, without its extension. @param {string} name */
export const stem = (name) => name.replace(/\.[A-Za-z0-9]{1,12}$/, "") || "painting";

/** @param {Blob} blob @param {string} name */
export function saveFile(blob, name) {
  const url = URL.createObjectURL(blob);
  const link = h("a", { href: url, download: name });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}

/**
 * Object URLs of blobs, one for each, freed with the blob.
 * @type {WeakMap<Blob, string>}
 */
const urls = new WeakMap();

/** @param {Blob|string|null|undefined} picture @returns {string} */
export function urlOf(picture) {
  if (!picture) return "";
  if (typeof picture === "string") return picture;
  let url = urls.get(picture);
  if (!url) urls.set(picture, (url = URL.createObjectURL(picture)));
  return url;
}

/** Color the track of a slider up to its thumb. @param {HTMLInputElement} range */
export function fillTrack(range) {
  const low = Number(range.min) || 0;
  const high = Number(range.max) || 100;
  range.style.setProperty("--fill", `${(100 * (Number(range.value) - low)) / (high - low)}%`);
}
