/** On small screens, what stands at the end of the header folds into one menu. */

import { byId } from "./dom.js";

export function bindMenu() {
  const box = byId("more"), button = byId("menu");
  const open = (/** @type {boolean} */ on) => {
    box.classList.toggle("open", on);
    button.setAttribute("aria-expanded", String(on));
  };
  button.addEventListener("click", () => open(!box.classList.contains("open")));
  byId("help").addEventListener("click", () => open(false));
  box.addEventListener("click", ({ target }) => {
    if (!(target instanceof Element && target.closest("[role=radio]")) || !box.classList.contains("open")) return;
    open(false);
    button.focus();
  });
  document.addEventListener("pointerdown", ({ target }) => {
    if (!(target instanceof Node && box.contains(target))) open(false);
  });
  box.addEventListener("focusout", ({ relatedTarget }) => {
    if (relatedTarget instanceof Node && !box.contains(relatedTarget)) open(false);
  });
  box.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !box.classList.contains("open")) return;
    event.preventDefault();
    open(false);
    button.focus();
  });
}
