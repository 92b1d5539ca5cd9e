/** The switch that shows, and sets, where painting happens; on small screens a menu behind one icon. */

import { byId, h, icon } from "./dom.js";

/** Whether a host is this computer itself. @param {string} host */
export const isLocal = (host) => host === "[::1]" || /^(127(\.\d+){3}|([\w-]+\.)*localhost)$/.test(host);

/** What a user calls a server, after "on". @param {string} host */
export const serverName = (host) => (isLocal(host) ? "this computer's server" : host);

/** Close the menu. */
let close = () => {};
document.addEventListener("pointerdown", ({ target }) => {
  if (!(target instanceof Node && byId("where").contains(target))) close();
});

const ON_DEVICE = "Pictures are painted in this browser. Nothing is uploaded.";

/** @param {string} host */
const onServer = (host) =>
  isLocal(host)
    ? "Pictures are painted by the impasto server on this computer. They do not leave it."
    : `Pictures are sent to the impasto server on ${host}, and painted there.`;

/**
 * @param {"device"|"server"} where
 * @param {string|null} host  Name of the server; null where there is none, or where the device always paints.
 * @param {(where: "device"|"server") => void} choose
 */
export function showWhere(where, host, choose) {
  const box = byId("where");
  box.classList.remove("open");
  if (!host) {
    box.replaceChildren(
      h("span", { class: "where-label", title: ON_DEVICE }, icon("device"), h("span", {}, "On this device")),
    );
    return;
  }
  const texts = { device: "On this device", server: `On ${serverName(host)}` };
  const button = (/** @type {"device"|"server"} */ value, /** @type {string} */ title) =>
    h(
      "button",
      { role: "radio", "aria-checked": String(where === value), "aria-label": texts[value], title, tabindex: where === value ? "0" : "-1", "data-value": value,
        on: { click: () => pick(value) } },
      icon(value),
      h("span", {}, texts[value]),
    );
  const group = h(
    "div",
    { class: "choice", id: "where-choice", role: "radiogroup", "aria-label": "Where painting happens" },
    button("device", ON_DEVICE),
    button("server", onServer(host)),
  );
  const fold = h("button", {
    class: "quiet square", id: "where-fold", "aria-expanded": "false", "aria-controls": "where-choice",
    "aria-label": `Where painting happens: ${texts[where]}`, title: texts[where],
  }, icon(where));
  const open = (/** @type {boolean} */ on) => {
    box.classList.toggle("open", on);
    fold.setAttribute("aria-expanded", String(on));
  };
  const pick = (/** @type {"device"|"server"} */ value) => {
    const wasOpen = box.classList.contains("open");
    choose(value);
    /** @type {HTMLElement|null} */ (box.querySelector(wasOpen ? "#where-fold" : '[aria-checked="true"]'))?.focus();
  };
  fold.addEventListener("click", () => open(!box.classList.contains("open")));
  close = () => open(false);
  for (const part of /** @type {HTMLElement[]} */ ([fold, group])) {
    part.addEventListener("focusout", ({ relatedTarget }) => {
      if (relatedTarget instanceof Node && !box.contains(relatedTarget)) open(false);
    });
  }
  box.onkeydown = (event) => {
    if (event.key === "Escape" && box.classList.contains("open")) {
      event.preventDefault();
      event.stopPropagation();
      open(false);
      fold.focus();
    }
  };
  group.addEventListener("keydown", (event) => {
    if (!event.key.startsWith("Arrow")) return;
    event.preventDefault();
    event.stopPropagation();
    pick(where === "device" ? "server" : "device");
  });
  box.replaceChildren(fold, group);
}
