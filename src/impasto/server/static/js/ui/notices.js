/** Short messages at the bottom of the page, which screen readers speak. */

import { byId, h, icon, isAbort, sentence } from "./dom.js";

const SECONDS = 7;

/**
 * Show one sentence; returns a function that takes it away.
 * @param {string} text
 * @param {{action?: string, act?: () => void, problem?: boolean, stays?: boolean}} [options]  A button beside it;
 *   `stays`: until it is closed.
 */
export function notify(text, { action, act, problem = false, stays = false } = {}) {
  const box = byId("notices");
  for (const old of box.querySelectorAll("p")) if (old.textContent === text) old.parentElement?.remove();
  const close = () => notice.remove();
  const notice = h(
    "div",
    { class: problem ? "notice problem" : "notice", "data-stays": stays },
    h("p", {}, text),
    action && act && h("button", { class: "act", on: { click: () => { close(); act(); } } }, action),
    h("button", { "aria-label": "Close this message", on: { click: close } }, icon("close")),
  );
  box.append(notice);
  while (box.children.length > 3) (box.querySelector(".notice:not([data-stays])") ?? box.firstElementChild)?.remove();
  if (stays) return close;
  const seconds = problem || action ? 2 * SECONDS : SECONDS;
  let timer = setTimeout(close, seconds * 1000);
  notice.addEventListener("pointerenter", () => clearTimeout(timer));
  notice.addEventListener("pointerleave", () => (timer = setTimeout(close, 3000)));
  return close;
}

/** Say what went wrong, unless the user stopped it. @param {unknown} error */
export function complain(error) {
  if (isAbort(error)) return;
  console.warn(error);
  notify(sentence(error), { problem: true });
}

/** @type {ReturnType<typeof setTimeout>|undefined} */
let speaking;

/** Tell screen readers only. @param {string} text */
export function speak(text) {
  clearTimeout(speaking);
  byId("live").textContent = ""; // so that the same words are spoken again
  speaking = setTimeout(() => (byId("live").textContent = text), 200);
}
