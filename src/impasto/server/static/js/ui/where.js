/** The switch that shows, and sets, where painting happens. */

import { byId, h, icon } from "./dom.js";

/**
 * @param {"device"|"server"} where
 * @param {string|null} host  Name of the server; null where there is none.
 * @param {(where: "device"|"server") => void} choose
 */
export function showWhere(where, host, choose) {
  const box = byId("where");
  if (!host) {
    box.replaceChildren(
      h("span", { class: "where-label", title: "Pictures are painted in this browser. Nothing is uploaded." }, icon("device"), h("span", {}, "On this device")),
    );
    return;
  }
  const button = (/** @type {"device"|"server"} */ value, /** @type {string} */ text, /** @type {string} */ title) =>
    h(
      "button",
      { role: "radio", "aria-checked": String(where === value), "aria-label": text, title, tabindex: where === value ? "0" : "-1", "data-value": value,
        on: { click: () => choose(value) } },
      icon(value),
      h("span", {}, text),
    );
  const group = h(
    "div",
    { class: "choice", role: "radiogroup", "aria-label": "Where painting happens" },
    button("device", "On this device", "Pictures are painted in this browser. Nothing is uploaded."),
    button("server", `On ${host}`, `Pictures are sent to the impasto server on ${host}, and painted there.`),
  );
  group.addEventListener("keydown", (event) => {
    if (!event.key.startsWith("Arrow")) return;
    event.preventDefault();
    event.stopPropagation();
    choose(where === "device" ? "server" : "device");
    /** @type {HTMLElement|null} */ (box.querySelector('[aria-checked="true"]'))?.focus();
  });
  box.replaceChildren(group);
}
