/** What can be done with an own style: save it, have it learned, paint one photograph slowly, remove it. */

import { byId, h, icon, saveFile } from "./dom.js";
import { complain } from "./notices.js";
import { learnDialog, slowDialog } from "./tasks.js";

/** @typedef {import("../studio/studio.js").Studio} Studio */
/** @typedef {import("../studio/shelf.js").ShelfStyle} ShelfStyle */
/** @typedef {import("../painters/server.js").ServerPainter} ServerPainter */

/**
 * @typedef {Object} Page
 * @property {ServerPainter|null} server
 * @property {{train: boolean, optimize: boolean}} [features]
 * @property {(id: string) => Promise<void>} remove
 */

/**
 * A button beside the message on a fresh style, where it can be learned.
 * @param {Studio} studio
 * @param {ShelfStyle} style
 * @param {Page} page
 */
export function learnOffer(studio, style, { server, features }) {
  if (style.kind !== "picture" || !server || studio.painter !== server || !features?.train) return {};
  return { action: "Come nearer to the picture", act: () => learnDialog(studio, server, style) };
}

/**
 * Show the buttons for the style that is chosen, if it is an own one.
 * @param {Studio} studio
 * @param {Page} page
 */
export function showOwnStyle(studio, { server, features, remove }) {
  const box = byId("extra");
  const { styles } = studio.settings;
  const style = studio.shelf.find(styles[0].id);
  box.hidden = !style || style.kind === "gallery" || styles.length > 1;
  if (box.hidden || !style) return box.replaceChildren();
  const isOnServer = server && studio.painter === server;
  const isPicture = style.kind === "picture";
  box.replaceChildren(
    ...(isPicture && isOnServer && features?.train ? [offer("learn", "Learn this style",
      "5 minutes or as long as you like. Comes nearer to your picture. Use it again for any photograph.", () => learnDialog(studio, server, style))] : []),
    ...(isPicture && isOnServer && features?.optimize ? [offer("brush", "Paint this photograph slowly",
      "Minutes, for this one photograph. As near to your picture as possible.", () => slowDialog(studio, server, style), "not-webcam not-video")] : []),
    ...(isPicture && server && !isOnServer && features?.train ? [h("p", { class: "fine" },
      "Switch to the server to learn this style: in minutes it comes nearer to your picture.")] : []),
    h("div", { class: "row" },
      button("save", "Save as a style file", () => saveStyle(studio, style).catch(complain),
        "For the command line, another browser or another person"),
      button("close", "Remove style", () => remove(style.id).catch(complain))),
  );
}

/** @param {string} name @param {string} text @param {() => void} act @param {string} [title] */
const button = (name, text, act, title) => h("button", { class: "outline small", title, on: { click: act } }, icon(name), text);

/** A button with words on what it does. @param {string} name @param {string} text @param {string} words @param {() => void} act @param {string} [place] */
const offer = (name, text, words, act, place = "") =>
  h("button", { class: `offer ${place}`, on: { click: act } }, icon(name), h("span", {}, h("b", {}, text), h("span", {}, words)));

/** @param {Studio} studio @param {ShelfStyle} style */
async function saveStyle(studio, style) {
  if (!studio.painter) return;
  const file = await studio.shelf.file(studio.painter, style);
  if (!file) throw new Error("cannot save the style: this painter does not write style files");
  saveFile(file, `${style.name}.safetensors`);
}
