/** What only a server does, and what takes long: videos, learning a style, optimizing a picture. */

import { decode, drawn, thumbnail } from "../studio/canvas.js";
import { byId, fillTrack, h, icon, isAbort, saveFile, stem, urlOf, words } from "./dom.js";
import { complain, notify } from "./notices.js";

/** @typedef {import("../studio/studio.js").Studio} Studio */
/** @typedef {import("../studio/archive.js").Entry} Entry */
/** @typedef {import("../painters/server.js").ServerPainter} ServerPainter */
/** @typedef {import("../painters/server.js").JobControl} JobControl */

/** A bar, words, and a stop, of one long task. */
class Progress {
  constructor() {
    this.control = new AbortController();
    this.words = h("p", { "aria-live": "polite" }, "Sending…");
    this.bar = h("div", { class: "bartrack" }, h("i"));
    this.stop = h("button", { class: "outline stop", on: { click: () => this.control.abort() } }, icon("stop"), "Stop");
  }

  /** @returns {JobControl} */
  get job() {
    return {
      signal: this.control.signal,
      onPlace: (place) => (this.words.textContent = place ? `Waiting; ${place} before this one` : "Starting…"),
      onProgress: ({ done, total, secondsLeft }) => {
        const share = total ? done / total : 0;
        this.bar.style.setProperty("--done", `${100 * share}%`);
        this.words.textContent = `${Math.round(100 * share)} %${secondsLeft ? `, about ${words(secondsLeft)} left` : ""}`;
      },
    };
  }
}

/** The tab of videos. */
export class VideoTab {
  /** @param {Studio} studio */
  constructor(studio) {
    this.studio = studio;
    /** @type {ServerPainter|null} */
    this.server = null;
    /** Called with the clip that is shown, by its id in the history. @type {(id: string|null) => void} */
    this.onShow = () => {};
    this.box = h("div", { class: "live" });
    this.pick = h("input", { type: "file", accept: "video/*,.gif", hidden: true });
    this.pick.addEventListener("change", () => { if (this.pick.files?.[0]) this.open(this.pick.files[0]); this.pick.value = ""; });
    byId("easel-video").append(this.box, this.pick);
    this.showBlank();
  }

  showBlank() {
    this.onShow(null);
    this.box.replaceChildren(
      h("div", { class: "blank" }, h("p", { class: "blank-title" }, "Paint a video"), h("p", {}, "Choose a style on the right, then drop a clip anywhere.")),
      h("div", { class: "live-tools" }, h("button", { class: "primary", on: { click: () => this.pick.click() } }, icon("video"), "Choose a video")),
    );
  }

  /** @param {File} file */
  open(file) {
    this.onShow(null);
    const video = player(file, file.name);
    this.box.replaceChildren(video, h("div", { class: "live-tools" },
      h("button", { class: "primary", id: "video-paint", on: { click: () => this.paint(file) } }, icon("brush"), "Paint this video"),
      h("button", { class: "quiet", on: { click: () => this.showBlank() } }, "Another video")));
  }

  /** @param {File} file */
  async paint(file) {
    const { server, studio } = this;
    if (!server) return;
    const progress = new Progress();
    this.box.querySelector(".live-tools")?.replaceChildren(progress.words, progress.bar, progress.stop);
    progress.bar.style.width = "240px";
    try {
      const settings = structuredClone(studio.settings);
      const styles = await studio.shelf.resolve(server, settings.styles);
      const result = await server.paintVideo(file, studio.options({ ...settings, styles }, undefined, null), progress.job);
      const clip = result.type.startsWith("video/") ? result : new Blob([result], { type: "video/mp4" });
      const thumb = await frameOf(clip);
      const id = crypto.randomUUID();
      /** @type {Entry} */
      const entry = { id, time: Date.now(), kind: "video", name: `${stem(file.name)}.mp4`, photoId: id, photo: thumb, painting: clip, thumb, settings };
      await studio.keep(entry);
      this.show(entry);
    } catch (error) {
      complain(error);
      if (isAbort(error)) notify("Stopped.");
      this.open(file);
    }
  }

  /** @param {Entry} entry */
  show(entry) {
    this.onShow(entry.id);
    const video = player(entry.painting, entry.name);
    if (!matchMedia("(prefers-reduced-motion: reduce)").matches) video.autoplay = true;
    this.box.replaceChildren(video, h("div", { class: "live-tools" },
      h("button", { class: "primary", on: { click: () => saveFile(entry.painting, entry.name) } }, icon("download"), "Download"),
      this.server && h("button", { class: "quiet", on: { click: () => this.showBlank() } }, "Another video")));
  }
}

/** @param {Blob} clip @param {string} name */
function player(clip, name) {
  const video = h("video", { controls: true, loop: true, playsinline: true, src: urlOf(clip), "aria-label": name });
  video.muted = true;
  video.addEventListener("loadedmetadata", () => video.style.setProperty("--aspect", String(video.videoWidth / video.videoHeight)));
  return video;
}

/** A picture of a clip, for the tray; gray where this browser does not play it. @param {Blob} clip @returns {Promise<Blob>} */
async function frameOf(clip) {
  const video = h("video", { src: urlOf(clip), preload: "auto" });
  video.muted = true;
  await new Promise((resolve) => {
    video.addEventListener("seeked", resolve, { once: true });
    video.addEventListener("error", resolve, { once: true });
    video.currentTime = 0.05;
    setTimeout(resolve, 4000);
  });
  return thumbnail(drawn(video, video.videoWidth || 160, video.videoHeight || 90));
}

/**
 * Learn a style from an own picture, with previews as it learns.
 * @param {Studio} studio
 * @param {ServerPainter} server
 * @param {import("../studio/shelf.js").ShelfStyle} style
 */
export function learnDialog(studio, server, style) {
  if (!style.source) return;
  const { source } = style;
  const preview = h("img", { class: "task-picture", src: urlOf(style.source), alt: `The picture ${style.title}` });
  const minutes = h("input", { type: "range", id: "learn-minutes", min: 1, max: 30, value: 5 });
  const out = h("output", { for: "learn-minutes" }, "5 minutes");
  minutes.addEventListener("input", () => (out.textContent = minutes.value === "1" ? "1 minute" : `${minutes.value} minutes`));
  const body = h("div", {},
    h("p", {}, `“${style.title}” can be used already. Learning comes nearer to your picture. Use the learned style again for any photograph.`),
    h("div", { class: "field" }, h("label", { for: "learn-minutes" }, "Time to learn"), out, minutes),
    h("div", { class: "row" }, h("button", { class: "primary", on: { click: () => run() } }, icon("learn"), "Learn this style")));
  const dialog = openDialog("Learn a style", preview, body);
  const run = () => runIn(dialog, body, async (job) => {
    const file = await server.learn(source, style.title, Number(minutes.value), {
      ...job,
      onPreview: (image) => { preview.src = image; preview.alt = "A painting in the style so far"; },
    });
    const learned = await studio.shelf.add(file, `${style.title}, learned.safetensors`, server, style.preview instanceof Blob ? style.preview : null);
    dialog.close();
    studio.choose(learned.id);
    notify(`“${style.title}” is learned.`, { action: "Save the style file", act: () => saveFile(file, `${style.name}.safetensors`) });
  });
}

/** How long to paint, in words, and its steps. */
const EFFORTS = [["Shortest", 60], ["Normal", 120], ["Longer: twice the time", 240], ["Longest: four times", 480]];

/**
 * Optimize the pixels of the photograph in the style of an own picture.
 * @param {Studio} studio
 * @param {ServerPainter} server
 * @param {import("../studio/shelf.js").ShelfStyle} style
 */
export function slowDialog(studio, server, style) {
  const { photo } = studio;
  if (!photo || !style.source) return;
  const { source } = style;
  const preview = h("img", { class: "task-picture", src: urlOf(photo.blob), alt: "The photograph" });
  const steps = h("select", { id: "slow-steps" }, ...EFFORTS.map(([words, number]) => h("option", { value: number }, String(words))));
  steps.value = String(EFFORTS[1][1]);
  const body = h("div", {},
    h("p", {}, `This one photograph is painted pixel by pixel, as near to “${style.title}” as possible. It takes minutes; the time left is shown once it has begun. For other photographs, learn the style instead.`),
    h("div", { class: "field" }, h("label", { for: "slow-steps" }, "Time to take"), steps),
    h("div", { class: "row" }, h("button", { class: "primary", on: { click: () => run() } }, icon("brush"), "Paint slowly")));
  const dialog = openDialog("Paint this photograph slowly", preview, body);
  const run = () => runIn(dialog, body, async (job) => {
    const settings = { ...structuredClone(studio.settings), slow: true };
    const result = await server.optimize(photo.blob, source, { steps: Number(steps.value), strength: settings.strength }, {
      ...job,
      onPreview: (image) => { preview.src = image; preview.alt = "The painting so far"; },
    });
    /** @type {Entry} */
    const entry = { id: crypto.randomUUID(), time: Date.now(), kind: "picture", name: photo.name, photoId: photo.id, photo: photo.blob,
      painting: result, thumb: await thumbnail(await decode(result)), settings };
    await studio.keep(entry);
    dialog.close();
    await studio.show(entry);
  });
}

/**
 * Do a long task in a dialog: its progress takes the place of the form, and closing the dialog stops it.
 * @param {HTMLDialogElement} dialog
 * @param {HTMLElement} form
 * @param {(job: JobControl) => Promise<void>} work
 */
async function runIn(dialog, form, work) {
  const progress = new Progress();
  dialog.addEventListener("close", () => progress.control.abort(), { once: true });
  form.replaceChildren(progress.words, progress.bar, progress.stop);
  try {
    await work(progress.job);
  } catch (error) {
    complain(error);
    dialog.close();
  }
}

/** @param {string} title @param {...HTMLElement} children */
function openDialog(title, ...children) {
  const dialog = /** @type {HTMLDialogElement} */ (byId("task-dialog"));
  dialog.replaceChildren(
    h("button", { class: "quiet square corner", "aria-label": "Close", on: { click: () => dialog.close() } }, icon("close")),
    h("h2", { id: "task-title" }, title),
    ...children,
  );
  for (const range of dialog.querySelectorAll("input")) fillTrack(range);
  dialog.showModal();
  return dialog;
}
