/** Short messages over the painting, the newest in place of the one before, which screen readers speak. */

import { byId, h, icon, isAbort, sentence } from "./dom.js";

const SECONDS = 7;
const TOGETHER = 1000; // milliseconds in which messages come from one act and stand together

/**
 * Show one sentence; returns a function that takes it away.
 * @param {string} text
 * @param {{action?: string, act?: () => void, more?: [string, () => void], problem?: boolean, stays?: boolean}} [options]
 *   A button beside it, and perhaps another one; `stays`: until it is closed.
 */
export function notify(text, { action, act, more, problem = false, stays = false } = {}) {
  const box = byId("notices");
  for (const old of box.querySelectorAll("p")) if (old.textContent === text) old.parentElement?.remove();
  const since = performance.now();
  for (const old of /** @type {NodeListOf<HTMLElement>} */ (box.querySelectorAll(".notice:not(.problem, [data-stays])"))) {
    if (since - Number(old.dataset.since) > TOGETHER) old.remove();
  }
  const close = () => notice.remove();
  const notice = h(
    "div",
    { class: ["notice", problem && "problem", more && "two"].filter(Boolean).join(" "), "data-stays": stays, "data-since": since },
    h("p", {}, text),
    action && act && h("button", { class: "act", on: { click: () => { close(); act(); } } }, action),
    more && h("button", { class: "act", on: { click: () => { close(); more[1](); } } }, more[0]),
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
