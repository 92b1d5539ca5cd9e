/** On phones the panel is a sheet at the bottom, as tall as what it shows; it opens by a tap or a pull. */

import { byId } from "./dom.js";
import { bindTabs, select } from "./tabs.js";

/** @returns {{open: (tall: boolean) => void, showStyles: () => void}} */
export function bindPanel() {
  const panel = byId("panel"), grip = byId("grip");
  const tabs = /** @type {HTMLElement} */ (panel.querySelector(".panel-tabs"));
  const say = () => grip.setAttribute("aria-expanded", String(isOpen()));
  const isOpen = () => panel.classList.contains("tall") || panel.dataset.view === "adjust";
  const show = (/** @type {HTMLElement} */ tab) => {
    panel.dataset.view = tab.id === "ptab-adjust" ? "adjust" : "styles";
    panel.classList.remove("tall");
    say();
  };
  const showStyles = () => select(tabs, byId("ptab-styles"), show);
  const open = (/** @type {boolean} */ tall) => {
    if (!tall && panel.dataset.view === "adjust") showStyles();
    panel.classList.toggle("tall", tall);
    say();
  };
  bindTabs(tabs, show);
  showStyles();
  let from = 0, moved = 0;
  grip.addEventListener("pointerdown", (event) => {
    grip.setPointerCapture(event.pointerId);
    from = event.clientY;
    moved = 0;
  });
  grip.addEventListener("pointermove", (event) => {
    if (from) moved = event.clientY - from;
  });
  grip.addEventListener("pointerup", () => {
    if (Math.abs(moved) > 24) open(moved < 0);
    from = 0;
  });
  grip.addEventListener("click", () => {
    if (Math.abs(moved) <= 24) open(!isOpen());
    moved = 0;
  });
  byId("search").addEventListener("focus", () => open(true));
  return { open, showStyles };
}
