/** The label beside the painting, as in a museum: it names what is shown, never only what was chosen. */

import { byId } from "./dom.js";

/** @typedef {import("../studio/studio.js").Studio} Studio */
/** @typedef {import("../studio/studio.js").Settings} Settings */

/**
 * @param {Studio} studio
 * @param {{busyWords: string, loading: number|null}} work  What is being done; how many percent of the engine are loaded, while it loads.
 */
export function showPlate(studio, { busyWords, loading }) {
  const { photo, full, shownSettings, showsChoice } = studio;
  const isComing = !showsChoice && Boolean(studio.busy || !studio.painter);
  const settings = isComing || !shownSettings ? studio.settings : shownSettings;
  const names = titles(studio, settings);
  const { width, height } = full ?? photo ?? { width: 0, height: 0 };
  const size = width ? `${width}\u00a0×\u00a0${height}` : "";
  const doing = isComing ? busyWords.replace(/^Painting…\s*/, "") : busyWords;
  const state = loading !== null && !studio.busy ? `Getting ready to paint… ${loading} %` : doing || size;
  const isBare = !shownSettings && !isComing;
  byId("plate-title").textContent = (isComing ? names && `Painting ${names}…` : isBare ? photo?.name : names) || " ";
  byId("plate-detail").textContent = (isBare ? ["Not painted yet", state] : [
    settings.styles.length === 1 ? studio.shelf.find(settings.styles[0].id)?.detail : "a mix",
    settings.strength < 1 ? `strength ${Math.round(100 * settings.strength)}\u00a0%` : "",
    state,
  ]).filter(Boolean).join(" · ");
  const name = photo?.name ?? "The photograph";
  byId("after").setAttribute("aria-label", shownSettings ? `${name} painted in the style of ${titles(studio, shownSettings)}` : name);
}

/** @param {Studio} studio @param {Settings} settings */
const titles = ({ shelf }, settings) => settings.styles.map(({ id }) => shelf.find(id)?.title).filter(Boolean).join(" and ");
