/** Keys of the page; none takes effect while a field or slider has the focus. */

/**
 * @param {Record<string, (event: KeyboardEvent) => void>} keys  By `KeyboardEvent.key`, lower case; "ctrl+" before.
 * @param {{hold: (held: boolean) => void}} options
 */
export function bindKeys(keys, { hold }) {
  const isBusy = (/** @type {Element|null} */ element) =>
    Boolean(element?.closest("input, select, textarea, dialog[open], [role=listbox], [role=tablist]"));
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.altKey) return;
    const element = /** @type {Element|null} */ (event.target instanceof Element ? event.target : null);
    const command = event.ctrlKey || event.metaKey;
    if (document.querySelector("dialog[open]")) return;
    if (event.key === " " && !isBusy(element) && !element?.closest("button, a")) {
      event.preventDefault();
      hold(true);
      return;
    }
    if (event.key !== "Escape" && isBusy(element)) return;
    const act = keys[(command ? "ctrl+" : "") + event.key.toLowerCase()];
    if (!act) return;
    if (command && String(getSelection())) return;
    event.preventDefault();
    act(event);
  });
  document.addEventListener("keyup", (event) => { if (event.key === " ") hold(false); });
  addEventListener("blur", () => hold(false));
}
