/** On phones the panel is a sheet at the bottom, which opens by a tap or a pull. */

import { byId } from "./dom.js";
import { bindTabs } from "./tabs.js";

/** @returns {{open: (tall: boolean) => void}} */
export function bindPanel() {
  const panel = byId("panel"), grip = byId("grip");
  panel.dataset.view = "styles";
  const open = (/** @type {boolean} */ tall) => {
    panel.classList.toggle("tall", tall);
    grip.setAttribute("aria-expanded", String(tall));
  };
  bindTabs(/** @type {HTMLElement} */ (panel.querySelector(".panel-tabs")), (tab) => {
    panel.dataset.view = tab.id === "ptab-adjust" ? "adjust" : "styles";
  });
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
    if (Math.abs(moved) <= 24) open(!panel.classList.contains("tall"));
    moved = 0;
  });
  byId("search").addEventListener("focus", () => open(true));
  return { open };
}
