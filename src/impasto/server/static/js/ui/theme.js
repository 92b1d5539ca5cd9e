/** The button that makes the page light or dark, or as the device is. */

import { byId, h, icon } from "./dom.js";

/** Wishes, each with its icon; the empty one follows the device. @type {Record<string, {icon: string, words: string}>} */
const WISHES = {
  "": { icon: "automatic", words: "Light or dark: automatic" },
  light: { icon: "sun", words: "Light or dark: light" },
  dark: { icon: "moon", words: "Light or dark: dark" },
};

export function bindTheme() {
  const button = byId("theme");
  const show = () => {
    const { icon: name, words } = WISHES[localStorage.getItem("impasto.theme") ?? ""] ?? WISHES[""];
    button.replaceChildren(icon(name), h("span", { class: "menu-word" }, words));
    button.title = words;
  };
  button.addEventListener("click", () => {
    const order = Object.keys(WISHES);
    const next = order[(order.indexOf(localStorage.getItem("impasto.theme") ?? "") + 1) % order.length];
    if (next) localStorage.setItem("impasto.theme", next);
    else localStorage.removeItem("impasto.theme");
    document.dispatchEvent(new Event("themewish"));
    show();
  });
  show();
}
