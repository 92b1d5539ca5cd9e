/** The strip below the painting: what was painted in this visit, and what waits in the queue. */

import { readableName } from "./output.js";
import { byId, h, icon, saveFile, urlOf, words } from "./dom.js";
import { complain, notify, speak } from "./notices.js";
import { writeSettings, zip } from "../studio/metadata.js";

/** @typedef {import("../studio/studio.js").Studio} Studio */
/** @typedef {import("../studio/queue.js").Queue} Queue */
/** @typedef {import("../studio/queue.js").QueueItem} QueueItem */
/** @typedef {import("../studio/archive.js").Entry} Entry */

/** A photograph to try the page with. @typedef {{id: string, name: string, photo: string}} Sample */

/** @type {Record<string, string>} */
const STATES = { waiting: "Waiting", painting: "Painting", failed: "Failed", stopped: "Stopped", done: "Done" };

export class Tray {
  /**
   * @param {Studio} studio
   * @param {Queue} queue
   * @param {{onVideo: (entry: Entry) => void, samples: Sample[]}} page
   */
  constructor(studio, queue, { onVideo, samples }) {
    this.samples = samples;
    this.studio = studio;
    this.queue = queue;
    this.onVideo = onVideo;
    /** Take the offer to bring back away. */
    this._forgetCleared = () => {};
    studio.addEventListener("kept", () => this._forgetCleared());
    studio.addEventListener("history", () => this.render());
    queue.addEventListener("change", () => this.render());
    queue.addEventListener("done", () =>
      notify(`${queue.done.length} photographs are painted.`, { action: "Download all", act: () => { this.downloadAll().catch(complain); } }));
    byId("queue-stop").addEventListener("click", () => { queue.stop(); speak("Stopped"); });
    byId("queue-resume").addEventListener("click", () => queue.resume());
    byId("queue-zip").addEventListener("click", () => this.downloadAll().catch(complain));
    byId("tray-clear").addEventListener("click", () => this._clear());
    setInterval(() => this.queue.left && this._showState(), 1000);
  }

  render() {
    if (this._pending) return;
    this._pending = true;
    requestAnimationFrame(() => {
      this._pending = false;
      this._render();
    });
  }

  _render() {
    const open = this.queue.items.filter(({ state }) => state !== "done");
    const items = [...open.map((item) => this._queued(item)), ...[...this.studio.entries].reverse().map((entry) => this._shot(entry))];
    byId("tray").hidden = items.length === 0;
    items.push(...this._samplesToTry());
    const strip = byId("strip");
    const focused = document.activeElement?.closest?.("li")?.dataset.id;
    strip.replaceChildren(...items);
    if (focused && !strip.contains(document.activeElement)) this._refocus(focused);
    this._showState();
  }

  /** @param {string} id */
  _refocus(id) {
    const same = byId("strip").querySelector(`li[data-id="${CSS.escape(id)}"] .shot`);
    /** @type {HTMLElement|null} */ (same)?.focus();
  }

  _showState() {
    const { queue } = this;
    const total = queue.items.length;
    const done = queue.done.length;
    const failed = queue.items.filter(({ state }) => state === "failed").length;
    const stopped = queue.items.filter(({ state }) => state === "stopped").length;
    const left = queue.secondsLeft;
    byId("tray-title").textContent = queue.left ? "Queue" : "This visit";
    const parts = total ? [`${done} of ${total} painted`] : [];
    if (queue.left && left !== null) parts.push(`about ${words(left)} left`);
    if (failed) parts.push(`${failed} failed`);
    if (stopped && !queue.left) parts.push(`${stopped} stopped`);
    const text = parts.join(" · ");
    const box = byId("queue-state");
    if (box.textContent !== text) box.textContent = text;
    byId("queue-stop").hidden = queue.left === 0;
    byId("queue-resume").hidden = queue.left > 0 || stopped + failed === 0;
    byId("queue-zip").hidden = done < 2;
    byId("tray-clear").hidden = queue.left > 0;
  }

  /** @param {QueueItem} item */
  _queued(item) {
    const share = item.state === "painting" ? item.progress : 0;
    const image = item.thumb ? h("img", { src: urlOf(item.thumb), alt: "" }) : null;
    const box = h(
      "div",
      { class: `shot ${item.state}`, tabindex: "0", title: item.error || item.name, role: "group",
        "aria-label": `${item.name}: ${STATES[item.state]}${item.error ? `. ${item.error}` : ""}` },
      image,
      item.state !== "painting" && h("span", { class: "word", "aria-hidden": "true" }, STATES[item.state]),
      item.state === "painting" && h("span", { class: "ring" }, h("i", { style: { "--done": `${Math.max(6, 100 * share)}%` } })),
    );
    return h("li", { "data-id": item.id }, box, cross(`Take ${item.name} out of the queue`, () => this.queue.cancel(item.id), true));
  }

  /** @param {Entry} entry */
  _shot(entry) {
    const current = entry.id === this.studio.entryId;
    const title = readableName(this.studio, entry);
    const button = h(
      "button",
      { class: "shot", "aria-current": current ? "true" : null, "aria-label": `Show ${title}`, title, on: { click: () => this._show(entry) } },
      h("img", { src: urlOf(entry.thumb), alt: "" }),
      entry.kind === "video" && h("span", { class: "word", style: { background: "none", color: "#fff" } }, icon("video")),
    );
    return h("li", { "data-id": entry.id }, button, cross(`Delete ${title}`, () => this._forget(entry)));
  }

  /** More photographs, as long as there are only samples. */
  _samplesToTry() {
    const ids = this.samples.map(({ id }) => id);
    const { entries, photo } = this.studio;
    if (this.queue.items.length || !entries.every(({ photoId }) => ids.includes(photoId))) return [];
    const seen = new Set([photo?.id, ...entries.map(({ photoId }) => photoId)]);
    return this.samples
      .filter(({ id }) => !seen.has(id))
      .map(({ id, name, photo: url }) => {
        const open = async () => this.studio.openPhoto(await (await fetch(url)).blob(), name, { id });
        const label = `Try the photograph ${name}`;
        return h("li", { "data-id": id, class: "try" },
          h("button", { class: "shot", "aria-label": label, title: label, on: { click: () => open().catch(complain) } }, h("img", { src: url, alt: "" })));
      });
  }

  /** @param {Entry} entry */
  _show(entry) {
    if (entry.kind === "video") this.onVideo(entry);
    else this.studio.show(entry).catch(complain);
  }

  /** @param {Entry} entry */
  async _forget(entry) {
    await this.studio.forget(entry.id);
    notify("Deleted from this browser.", { action: "Bring it back", act: () => this.studio.keep(entry) });
  }

  async _clear() {
    const { studio, queue } = this;
    this._forgetCleared();
    await studio.saving;
    const entries = [...studio.entries];
    const { entryId } = studio;
    const items = queue.clear();
    const open = items.filter(({ state }) => state !== "done").length;
    await studio.forgetAll();
    const parts = [entries.length && count(entries.length, "painting"), open && count(open, "unpainted photograph")];
    this._forgetCleared = notify(`Cleared ${parts.filter(Boolean).join(" and ")}.`, {
      action: "Bring back",
      act: async () => {
        queue.restore(items);
        for (const entry of entries) await studio.keep(entry);
        if (entries.some(({ id, photoId }) => id === entryId && photoId === studio.photo?.id)) studio.entryId ??= entryId;
        this.render();
      },
      stays: true,
    });
  }

  /** All that the queue painted, as one ZIP file. */
  async downloadAll() {
    const ids = new Set(this.queue.done.map(({ entryId }) => entryId));
    const entries = this.studio.entries.filter(({ id }) => ids.has(id));
    const names = new Set();
    const files = [];
    for (const entry of entries) {
      const wanted = readableName(this.studio, entry);
      let name = `${wanted}.jpg`;
      for (let n = 2; names.has(name); n++) name = `${wanted}-${n}.jpg`;
      names.add(name);
      files.push({ name, blob: await writeSettings(entry.painting, entry.settings) });
    }
    saveFile(await zip(files), "impasto.zip");
    notify(`Saved ${files.length} paintings in impasto.zip.`);
  }
}

/** A number of things: "1 painting", "2 paintings". @param {number} number @param {string} thing */
const count = (number, thing) => `${number} ${thing}${number === 1 ? "" : "s"}`;

/** @param {string} label @param {() => void} act @param {boolean} [always] */
function cross(label, act, always = false) {
  return h("button", { class: always ? "cross always" : "cross", "aria-label": label, title: label, on: { click: act } }, icon("close"));
}
