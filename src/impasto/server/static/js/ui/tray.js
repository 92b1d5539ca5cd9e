/** The strip below the painting: what was painted in this browser, and what waits in the queue. */

import { readableName } from "./output.js";
import { byId, h, icon, saveFile, urlOf, words } from "./dom.js";
import { complain, notify, speak } from "./notices.js";
import { sizeOf } from "../studio/canvas.js";
import { writeSettings, zip } from "../studio/metadata.js";

/** @typedef {import("../studio/studio.js").Studio} Studio */
/** @typedef {import("../studio/queue.js").Queue} Queue */
/** @typedef {import("../studio/queue.js").QueueItem} QueueItem */
/** @typedef {import("../studio/archive.js").Entry} Entry */

/** A photograph to try the page with. @typedef {{id: string, name: string, photo: string}} Sample */

/** @type {Record<string, string>} */
const STATES = { waiting: "Waiting", painting: "Painting", failed: "Failed", stopped: "Stopped", done: "Done" };

const SETTLE = 600; // milliseconds

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
    /** The clip that is shown. @type {string|null} */
    this._clip = null;
    this._closeDone = () => {};
    /** Take the offer to bring back away. */
    this._forgetCleared = () => {};
    studio.addEventListener("kept", () => this._forgetCleared());
    for (const name of ["history", "photo"]) studio.addEventListener(name, () => this.render());
    queue.addEventListener("change", () => this.render());
    queue.addEventListener("done", () => {
      this._closeDone = notify(`${queue.done.length} photographs are painted.`, {
        action: `Download these ${this._painted.length}`, act: () => { this.downloadAll().catch(complain); },
      });
    });
    queue.addEventListener("change", () => { if (queue.left || !queue.items.length) this._closeDone(); });
    byId("queue-stop").addEventListener("click", () => { this._settle(); queue.stop(); speak("Stopped"); });
    byId("queue-resume").addEventListener("click", () => { this._settle(); queue.resume(); });
    byId("queue-again").addEventListener("click", () => { this._settle(); queue.again(); });
    studio.addEventListener("settings", () => this._showState());
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
    const { entries } = this.studio;
    const kept = new Set(entries.map(({ id }) => id)); // from the queue too, a moment before it is done
    const open = this.queue.items.filter(({ id, state }) => state !== "done" && !kept.has(id));
    // a painting stands where its photograph waited
    const placed = [
      ...open.map((item) => ({ time: item.time, show: () => this._queued(item) })),
      ...entries.map((entry) => ({ time: entry.time, show: () => this._shot(entry) })),
    ].sort((a, b) => b.time - a.time);
    const items = [...placed.map(({ show }) => show()), ...this._samplesToTry()];
    byId("tray").hidden = items.length === 0;
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
    byId("tray-title").textContent = queue.left ? "Queue" : total || this.studio.entries.length ? "Your paintings" : "Photographs to try";
    const parts = total ? [`${done} of ${total} painted`] : [];
    if (queue.left && left !== null) parts.push(`about ${words(left)} left`);
    if (failed) parts.push(`${failed} failed`);
    if (stopped && !queue.left) parts.push(`${stopped} stopped`);
    const text = parts.join(" · ");
    const box = byId("queue-state");
    if (box.textContent !== text) box.textContent = text;
    if (queue.left === 0 && !byId("queue-stop").hidden) this._settle();
    const hadFocus = document.activeElement?.closest("#queue-stop");
    byId("queue-turn").hidden = total === 0; // its place is kept, so that no button comes where another one was
    byId("queue-stop").hidden = queue.left === 0;
    byId("queue-resume").hidden = queue.left > 0 || stopped + failed === 0;
    if (hadFocus && queue.left === 0) byId("queue-resume").focus();
    byId("tray-clear").style.visibility = queue.left > 0 || total + this.studio.entries.length === 0 ? "hidden" : "";
    this._showOffers();
  }

  /** What can be done with the photographs that the queue painted. */
  _showOffers() {
    const { queue } = this;
    const number = this._painted.length;
    const zipped = byId("queue-zip"), again = byId("queue-again");
    zipped.hidden = number < 2;
    if (zipped.dataset.number !== String(number)) {
      zipped.dataset.number = String(number);
      zipped.setAttribute("aria-label", `Download these ${number}`);
      zipped.replaceChildren(icon("download"), h("span", {}, h("span", { class: "long" }, "Download these "), String(number)));
    }
    const all = queue.done.length;
    again.hidden = queue.left > 0 || all < 2 || !queue.hasOtherStyle;
    if (again.dataset.number !== String(all)) {
      again.dataset.number = String(all);
      again.setAttribute("aria-label", `Paint all ${all} in this style`);
      again.replaceChildren(h("span", {}, `Paint all ${all}`, h("span", { class: "long" }, " in this style")));
    }
  }

  /** Take no click for a moment: buttons move, and the second click of two would hit another one. */
  _settle() {
    const { classList } = byId("tray-actions");
    classList.add("settling");
    clearTimeout(this._settling);
    this._settling = setTimeout(() => classList.remove("settling"), SETTLE);
  }

  /** Paintings of the queue that are still in the history. */
  get _painted() {
    const ids = new Set(this.queue.done.map(({ entryId }) => entryId));
    return this.studio.entries.filter(({ id }) => ids.has(id));
  }

  /** @param {QueueItem} item */
  _queued(item) {
    const share = item.state === "painting" ? item.progress : 0;
    const image = item.thumb ? thumb(item.thumb) : null;
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
    const current = entry.id === (this._clip ?? this.studio.entryId);
    const { strength = 1 } = entry.settings;
    const title = readableName(this.studio, entry) + (strength < 1 ? `, strength ${Math.round(100 * strength)} %` : "");
    const button = h(
      "button",
      { class: "shot", "aria-current": current ? "true" : null, "aria-label": `Show ${title}`, title, on: { click: () => this._show(entry) } },
      thumb(entry.thumb),
      entry.kind === "video" && h("span", { class: "clip" }, icon("play")),
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

  /** Outline a clip, in place of the painting. @param {string|null} id */
  showClip(id) {
    this._clip = id;
    this.render();
  }

  /** @param {Entry} entry */
  async _forget(entry) {
    await this.studio.forget(entry.id);
    notify("Deleted from this browser.", { action: "Bring it back", act: () => this.studio.keep(entry) });
  }

  async _clear() {
    const { studio, queue } = this;
    await studio.saving;
    const entries = [...studio.entries], { entryId } = studio;
    const kept = new Set(entries.map(({ id }) => id));
    const items = queue.clear();
    if (!entries.length && !items.length) return; // the second click of two
    this._forgetCleared();
    const open = items.filter(({ id, state }) => state !== "done" && !kept.has(id)).length;
    await studio.forgetAll();
    const parts = [entries.length && count(entries.length, "painting"), open && count(open, "unpainted photograph")];
    this._forgetCleared = notify(`Cleared ${parts.filter(Boolean).join(" and ")}.`, {
      action: "Bring back",
      act: async () => {
        queue.restore(items);
        await Promise.all(entries.map((entry) => studio.keep(entry)));
        if (entries.some(({ id, photoId }) => id === entryId && photoId === studio.photo?.id)) studio.entryId ??= entryId;
        this.render();
      },
      stays: true,
    });
  }

  /** All that the queue painted, as one ZIP file. */
  async downloadAll() {
    this._closeDone();
    const names = new Set();
    const files = [];
    for (const entry of this._painted) {
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

/** A picture whose room is there before it is read. @param {Blob} picture */
function thumb(picture) {
  const { width, height } = sizeOf(picture) ?? {};
  return h("img", { src: urlOf(picture), alt: "", width, height, decoding: "sync" });
}

/** A number of things: "1 painting", "2 paintings". @param {number} number @param {string} thing */
const count = (number, thing) => `${number} ${thing}${number === 1 ? "" : "s"}`;

/** @param {string} label @param {() => void} act @param {boolean} [always] */
function cross(label, act, always = false) {
  return h("button", { class: always ? "cross always" : "cross", "aria-label": label, title: label, on: { click: act } }, icon("close"));
}
