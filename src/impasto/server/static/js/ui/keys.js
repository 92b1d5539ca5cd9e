/** Keys of the page. What has the focus keeps the keys that it uses itself; all others still work. */

const ARROWS = ["arrowup", "arrowdown", "arrowleft", "arrowright"];
const ENDS = ["home", "end", "pageup", "pagedown"];

/** Keys that an element uses itself, by selector; "all" where it takes letters. @type {[string, string[]|"all"][]} */
const OWN = [
  ["dialog[open], textarea, select, input:not([type=range])", "all"],
  ["input[type=range]", [...ARROWS, ...ENDS]],
  ["[role=listbox]", [...ARROWS, ...ENDS, " ", "enter"]],
  ["[role=tablist], [role=radiogroup]", ["arrowleft", "arrowright", " ", "enter"]],
  ["video", [...ARROWS, " "]],
  ["button, a", [" ", "enter"]],
];

/** @param {Element|null} element @param {string} key */
const takes = (element, key) =>
  OWN.some(([selector, keys]) => element?.closest(selector) && (keys === "all" || keys.includes(key)));

/**
 * @param {Record<string, (event: KeyboardEvent) => void>} keys  By `KeyboardEvent.key`, lower case; "ctrl+" before.
 * @param {{hold: (held: boolean) => void}} options
 */
export function bindKeys(keys, { hold }) {
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.altKey || document.querySelector("dialog[open]")) return;
    const element = event.target instanceof Element ? event.target : null;
    const key = event.key.toLowerCase();
    if (key !== "escape" && takes(element, key)) return;
    if (key === " ") {
      event.preventDefault();
      hold(true);
      return;
    }
    const command = event.ctrlKey || event.metaKey;
    const act = keys[(command ? "ctrl+" : "") + key];
    if (!act || (command && String(getSelection()))) return;
    event.preventDefault();
    act(event);
  });
  document.addEventListener("keyup", (event) => { if (event.key === " ") hold(false); });
  addEventListener("blur", () => hold(false));
}

const STEP = 5; // percent by an arrow key; with Shift, 1

/** How far an arrow key goes. @param {KeyboardEvent} event */
export const stepOf = (event) => (event.shiftKey ? 1 : STEP);

/** Let arrow keys move sliders of percent in coarse steps, and in fine ones with Shift. */
export function bindSliders() {
  document.addEventListener("keydown", (event) => {
    const range = event.target;
    if (!(range instanceof HTMLInputElement && range.type === "range" && range.max === "100") || event.ctrlKey || event.altKey || event.metaKey) return;
    const sign = { ArrowUp: 1, ArrowRight: 1, ArrowDown: -1, ArrowLeft: -1 }[event.key];
    if (!sign) return;
    event.preventDefault();
    range.value = String(Number(range.value) + sign * stepOf(event));
    for (const name of ["input", "change"]) range.dispatchEvent(new Event(name, { bubbles: true }));
  });
}
