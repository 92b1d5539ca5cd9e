/** What leaves the page: copies, files, shares. Settings are written into files. */

import { drawn, encode } from "../studio/canvas.js";
import { writeSettings } from "../studio/metadata.js";
import { byId, saveFile, stem } from "./dom.js";
import { complain, notify } from "./notices.js";

/** @typedef {import("../studio/studio.js").Studio} Studio */
/** @typedef {import("../studio/studio.js").Settings} Settings */

/** @type {Record<string, {suffix: string, quality: number|undefined}>} */
const FORMATS = {
  "image/jpeg": { suffix: "jpg", quality: 0.94 },
  "image/png": { suffix: "png", quality: undefined },
  "image/webp": { suffix: "webp", quality: 0.94 },
};

/**
 * As the command line names it: photo.great-wave
 * @param {Studio} studio
 * @param {{name: string, settings: Record<string, any>}} entry
 */
export function readableName(studio, { name, settings }) {
  const styles = (settings.styles ?? []).map((/** @type {{id: string}} */ { id }) => studio.shelf.find(id)?.name ?? id.replace("gallery:", ""));
  return [stem(name), styles.join("+")].filter(Boolean).join(".");
}

/**
 * Settings as a file keeps them: with titles, so that people can read them.
 * @param {Studio} studio
 * @param {Settings} settings
 */
export function settingsToWrite(studio, settings) {
  const styles = settings.styles.map(({ id, weight }) => ({ id, weight, title: studio.shelf.find(id)?.title ?? id }));
  return { ...settings, styles, photo: studio.photo?.id, name: studio.photo?.name, program: "impasto" };
}

/** The painting at its exact size; waits until it is painted. @param {Studio} studio */
async function finished(studio) {
  if (!studio.full || (!studio.exact && studio.painter)) {
    const close = notify("Painting the full size first…", { stays: true });
    if (!studio.painter) await new Promise((next) => studio.addEventListener("painter", next, { once: true }));
    if (!studio.busy) studio.repaint();
    await studio.idle.finally(close);
  }
  const { full, fullSettings } = studio;
  if (!full || !fullSettings || !studio.photo) throw new Error("cannot save the painting: it was not painted to the end; try again");
  return { full, fullSettings, photo: studio.photo };
}

/** @param {Studio} studio @param {string} type @returns {Promise<File>} */
async function makeFile(studio, type) {
  const { full, fullSettings, photo } = await finished(studio);
  const { suffix, quality } = FORMATS[type];
  const blob = await writeSettings(await encode(full, type, quality), settingsToWrite(studio, fullSettings));
  return new File([blob], `${readableName(studio, { name: photo.name, settings: fullSettings })}.${suffix}`, { type });
}

/** @param {Studio} studio */
export function bindOutput(studio) {
  const format = /** @type {HTMLSelectElement} */ (byId("format"));
  format.value = localStorage.getItem("impasto.format") ?? "image/jpeg";
  if (!format.value) format.value = "image/jpeg";
  format.addEventListener("change", () => localStorage.setItem("impasto.format", format.value));
  byId("download").addEventListener("click", () => download(studio).catch(complain));
  byId("copy").addEventListener("click", () => copy(studio).catch(complain));
  byId("share").addEventListener("click", () => share(studio).catch(complain));
  const probe = new File(["x"], "x.jpg", { type: "image/jpeg" });
  byId("share").hidden = !navigator.canShare?.({ files: [probe] });
}

/** @param {Studio} studio */
export async function download(studio) {
  const type = /** @type {HTMLSelectElement} */ (byId("format")).value;
  const file = await makeFile(studio, type);
  saveFile(file, file.name);
  notify(`Saved ${file.name}.`);
}

/** @param {Studio} studio */
export async function copy(studio) {
  if (!navigator.clipboard?.write) throw new Error("cannot copy: this browser copies pictures on secure pages only; use Download");
  try {
    // as a promise, since Safari wants the item before the picture is ready
    const png = finished(studio).then(({ full }) => encode(drawn(full, full.width, full.height), "image/png"));
    await navigator.clipboard.write([new ClipboardItem({ "image/png": png })]);
  } catch (error) {
    if (error instanceof DOMException) throw new Error("cannot copy: the browser did not allow it; use Download");
    throw error;
  }
  notify("Copied.");
}

/** @param {Studio} studio */
async function share(studio) {
  const file = await makeFile(studio, "image/jpeg");
  try {
    await navigator.share({ files: [file], title: "A painting" });
  } catch (error) {
    if (!(error instanceof DOMException && error.name === "AbortError")) throw new Error("cannot share: the browser did not allow it; use Download");
  }
}
