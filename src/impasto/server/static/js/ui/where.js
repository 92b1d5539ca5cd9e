/** The switch that shows, and sets, where painting happens. */

import { byId, h, icon } from "./dom.js";

/** Whether a host is this computer itself. @param {string} host */
export const isLocal = (host) => host === "[::1]" || /^(127(\.\d+){3}|([\w-]+\.)*localhost)$/.test(host);

/** What a user calls a place. @param {"device"|"server"} where @param {string} host */
export const placeName = (where, host) =>
  where === "device" ? "In this browser" : `On the server (${isLocal(host) ? "this computer" : host})`;

const IN_BROWSER = "Pictures are painted in this browser. Nothing is uploaded.";

/** @param {string} host */
const onServer = (host) =>
  isLocal(host)
    ? "Pictures are painted by the impasto server on this computer. They do not leave it."
    : `Pictures are sent to the impasto server on ${host}, and painted there.`;

/**
 * @param {"device"|"server"} where
 * @param {string|null} host  Name of the server; null where there is none, or where the browser always paints.
 * @param {(where: "device"|"server") => void} choose
 */
export function showWhere(where, host, choose) {
  const box = byId("where");
  if (!host) {
    box.replaceChildren(h("span", { class: "where-label", title: IN_BROWSER }, icon("device"), h("span", {}, placeName("device", ""))));
    return;
  }
  const pick = (/** @type {"device"|"server"} */ value) => {
    choose(value);
    /** @type {HTMLElement|null} */ (box.querySelector('[aria-checked="true"]'))?.focus();
  };
  const button = (/** @type {"device"|"server"} */ value, /** @type {string} */ title) =>
    h(
      "button",
      { role: "radio", "aria-checked": String(where === value), "aria-label": placeName(value, host), title,
        tabindex: where === value ? "0" : "-1", "data-value": value, on: { click: () => pick(value) } },
      icon(value),
      h("span", {}, placeName(value, host)),
    );
  const group = h(
    "div",
    { class: "choice", role: "radiogroup", "aria-label": "Where painting happens" },
    button("device", IN_BROWSER),
    button("server", onServer(host)),
  );
  group.addEventListener("keydown", (event) => {
    if (!event.key.startsWith("Arrow")) return;
    event.preventDefault();
    event.stopPropagation();
    pick(where === "device" ? "server" : "device");
  });
  box.replaceChildren(group);
}
