/** Tabs: one of several is chosen by mouse or arrow keys. */

/**
 * @param {HTMLElement} list  An element of role tablist.
 * @param {(tab: HTMLElement) => void} choose
 */
export function bindTabs(list, choose) {
  const tabs = () => /** @type {HTMLElement[]} */ ([...list.querySelectorAll('[role="tab"]:not([hidden])')]);
  list.addEventListener("click", (event) => {
    const tab = /** @type {HTMLElement} */ (event.target).closest('[role="tab"]');
    if (tab) select(list, /** @type {HTMLElement} */ (tab), choose);
  });
  list.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    event.stopPropagation();
    const all = tabs();
    const at = all.findIndex((tab) => tab.getAttribute("aria-selected") === "true");
    const next = all[(at + step + all.length) % all.length];
    select(list, next, choose);
    next.focus();
  });
}

/** @param {HTMLElement} list @param {HTMLElement} chosen @param {(tab: HTMLElement) => void} choose */
export function select(list, chosen, choose) {
  for (const tab of list.querySelectorAll('[role="tab"]')) {
    tab.setAttribute("aria-selected", String(tab === chosen));
    /** @type {HTMLElement} */ (tab).tabIndex = tab === chosen ? 0 : -1;
  }
  choose(chosen);
}
