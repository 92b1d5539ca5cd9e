/** Puts the page together: the studio, the painters, and what one sees. */

import { createBrowserPainter } from "./painters/browser.js";
import { findServerPainter } from "./painters/server.js";
import { Queue } from "./studio/queue.js";
import { Shelf } from "./studio/shelf.js";
import { DEFAULTS, Studio, targetSide } from "./studio/studio.js";
import { Controls } from "./ui/controls.js";
import { byId, fillTrack, h, icon, placeIcons, saveFile } from "./ui/dom.js";
import { Gallery } from "./ui/gallery.js";
import { Intake } from "./ui/intake.js";
import { bindKeys } from "./ui/keys.js";
import { complain, notify, speak } from "./ui/notices.js";
import { bindOutput, copy, download } from "./ui/output.js";
import { bindPanel } from "./ui/panel.js";
import { Stage } from "./ui/stage.js";
import { bindTabs, select } from "./ui/tabs.js";
import { learnDialog, optimizeDialog, VideoTab } from "./ui/tasks.js";
import { Tray } from "./ui/tray.js";
import { Webcam } from "./ui/webcam.js";
import { isLocal, serverName, showWhere } from "./ui/where.js";

/** @typedef {import("./painters/painter.js").Painter} Painter */
/** @typedef {import("./painters/painter.js").PainterInfo} PainterInfo */

const BASE = new URL(".", document.baseURI).href;
const SAMPLES = ["pagoda", "coffee", "chelsea"].map((name) => ({
  id: `sample-${name}`, name: `${name}.jpg`, photo: new URL(`samples/${name}.jpg`, BASE).href,
}));
const SAMPLE_PAINTING = new URL("samples/pagoda.temeraire.webp", BASE).href; // of the first one, in the default style

class Page {
  constructor() {
    placeIcons(document);
    this.shelf = new Shelf();
    this.studio = new Studio(this.shelf);
    this.queue = new Queue(this.studio);
    this.stage = new Stage(this.studio);
    this.gallery = new Gallery(this.studio);
    this.controls = new Controls(this.studio, this.gallery);
    this.video = new VideoTab(this.studio);
    this.tray = new Tray(this.studio, this.queue, {
      onVideo: (entry) => { this.openTab("video"); this.video.show(entry); },
      samples: SAMPLES,
    });
    this.video.onShow = (id) => this.tray.showClip(id);
    this.intake = new Intake(this.studio, this.queue, {
      showPhoto: () => this.openTab("photo"),
      openClip: (file) => this.openClip(file),
      learnOffer: () => this.showExtra(),
    });
    this.webcam = new Webcam(this.studio, () => this.readyDevice(), {
      openPicture: (blob, name) => { this.openTab("photo"); this.webcam.stop(); this.studio.openPhoto(blob, name).catch(complain); },
    });
    /** @type {Painter} */
    this.device = createBrowserPainter(BASE);
    /** @type {import("./painters/server.js").ServerPainter|null} */
    this.server = null;
    /** @type {PainterInfo|null} */
    this.serverInfo = null;
    /** @type {"device"|"server"} */
    this.where = "device";
    /** @type {Promise<void>|undefined} */
    this._ready = undefined;
    /** Percent of the engine that is loaded, while it loads. @type {number|null} */
    this.loading = null;
    bindOutput(this.studio);
    this.bind();
  }

  async open() {
    this.restoreSettings();
    const opened = this.openFirstPhoto();
    await this.shelf.load(BASE);
    this.checkStyles();
    this.controls.show();
    await opened;
    this.server = await findServerPainter(BASE);
    if (this.server && !this.server.authorized) {
      this.server = null;
      notify("This server asks for a token: open the address that “impasto serve” printed. Until then, this device paints.");
    }
    if (this.server) this.serverInfo = await this.server.info();
    byId("tab-video").hidden = !this.serverInfo?.features.video;
    this.video.server = this.server;
    const wanted = localStorage.getItem("impasto.where");
    await this.paintWhere(this.server && wanted !== "device" ? "server" : "device");
  }

  /** The last painting of this browser, or the sample, painted already. */
  async openFirstPhoto() {
    await this.studio.loadHistory();
    const last = this.studio.entries.filter(({ kind }) => kind === "picture").at(-1);
    try {
      if (last) return await this.studio.show(last);
      const [sample] = SAMPLES;
      const [photo, painting] = await Promise.all([sample.photo, SAMPLE_PAINTING].map(async (url) => (await fetch(url)).blob()));
      await this.studio.openPhoto(photo, sample.name, { paint: false, id: sample.id });
      const { styles, strength } = this.studio.settings;
      if (styles.length === 1 && styles[0].id === DEFAULTS.styles[0].id && strength === 1) await this.studio.showPainted(painting);
      this.stage.reveal();
    } catch (error) {
      console.warn(error);
    }
  }

  /** @param {"device"|"server"} where */
  async paintWhere(where) {
    const painter = where === "server" && this.server ? this.server : this.device;
    this.where = where;
    this.showPlace();
    this.studio.stop();
    this.studio.painter = null;
    try {
      if (painter === this.device) await this.readyDevice();
      const info = await painter.info();
      this.studio.painter = painter;
      this.studio.maxPixels = info.maxPixels;
      this.checkSize();
      this.controls.offer(info);
      byId("about").textContent = `Painting by ${info.backend ?? "the engine"}${info.threads ? `, ${info.threads} ${info.threads === 1 ? "thread" : "threads"}` : ""}; pictures up to ${Math.round(info.maxPixels / 1e6)} megapixels.`;
      document.body.dataset.ready = where;
      this.showExtra();
      if (!this.studio.full) this.studio.repaint();
    } catch (error) {
      complain(error);
    }
  }

  /** Say where painting happens; the webcam is painted on this device, whatever was chosen. */
  showPlace() {
    const isWebcam = document.body.dataset.tab === "webcam";
    const host = this.serverInfo?.name ?? "";
    showWhere(isWebcam ? "device" : this.where, isWebcam ? null : host || null, (chosen) => {
      localStorage.setItem("impasto.where", chosen);
      this.paintWhere(chosen).catch(complain);
    });
    byId("help-private").textContent = this.where === "device" ? "Photographs are painted on this device. Nothing is uploaded."
      : isLocal(host) ? "Photographs are painted by the impasto server on this computer. They do not leave it."
      : `Photographs are sent to ${host} and painted there. To keep them here, choose “On this device”.`;
  }

  /** Load the engine of this device, once; says how far it is. */
  async readyDevice() {
    this._ready ??= this.device.ready(({ done, total }) => {
      this.loading = total ? Math.min(99, Math.round((100 * done) / total)) : 0;
      this.showPlate();
    }).finally(() => { this.loading = null; this.showPlate(); });
    this._ready.catch(() => (this._ready = undefined));
    await this._ready;
    return this.device;
  }

  // ---- settings over a reload

  restoreSettings() {
    try {
      Object.assign(this.studio.settings, JSON.parse(localStorage.getItem("impasto.settings") ?? "{}"));
    } catch { /* settings of another version: start anew */ }
    this.studio.addEventListener("settings", () => {
      localStorage.setItem("impasto.settings", JSON.stringify(this.studio.settings));
    });
  }

  checkStyles() {
    const { settings } = this.studio;
    if (!settings.styles.every(({ id }) => this.shelf.find(id))) {
      const fallback = this.shelf.find(DEFAULTS.styles[0].id) ?? this.shelf.gallery[0];
      if (fallback) settings.styles = [{ id: fallback.id, weight: 1 }];
    }
  }

  // ---- what one sees

  bind() {
    const { studio } = this;
    document.addEventListener("input", ({ target }) => {
      if (target instanceof HTMLInputElement && target.type === "range") fillTrack(target);
    });
    for (const range of /** @type {NodeListOf<HTMLInputElement>} */ (document.querySelectorAll("input[type=range]"))) fillTrack(range);
    for (const name of ["painting", "busy", "settings", "photo", "mask"]) studio.addEventListener(name, () => this.showPlate());
    this.shelf.addEventListener("change", () => this.showPlate());
    studio.addEventListener("settings", () => this.showExtra());
    studio.addEventListener("problem", (event) => complain(/** @type {CustomEvent} */ (event).detail));
    studio.addEventListener("kept", () => speak(`Painted in the style of ${byId("plate-title").textContent}`));
    studio.addEventListener("photo", () => this.checkSize());
    studio.addEventListener("mask", () => this.showMaskButton());
    byId("mask").addEventListener("click", () => {
      if (this.stage.masking) this.stage.endMask();
      else this.stage.startMask();
      panel.open(false);
    });
    bindTabs(/** @type {HTMLElement} */ (document.querySelector(".tabs")), (tab) => this.showTab(tab.id.replace("tab-", "")));
    const panel = bindPanel();
    const help = /** @type {HTMLDialogElement} */ (byId("help-dialog"));
    byId("help").addEventListener("click", () => help.showModal());
    help.addEventListener("click", (event) => { if (event.target === help) help.close(); });
    bindKeys(
      {
        o: () => this.intake.choose(),
        z: () => byId("zoom").click(),
        m: () => byId("mask").click(),
        s: () => byId("download").click(),
        "/": () => byId("search").focus(),
        "?": () => help.showModal(),
        arrowright: () => this.gallery.step(1),
        arrowleft: () => this.gallery.step(-1),
        arrowup: () => this.controls.strengthen(1),
        arrowdown: () => this.controls.strengthen(-1),
        e: () => this.stage.masking && this.stage.pick("keep"),
        b: () => this.stage.masking && this.stage.pick("paint"),
        g: () => this.stage.masking && this.stage.pick("gradient"),
        i: () => this.stage.masking && this.stage.invert(),
        "ctrl+z": () => this.stage.masking && this.stage.undo(),
        "ctrl+c": () => copy(studio).catch(complain),
        "ctrl+s": () => download(studio).catch(complain),
        escape: () => this.escape(),
      },
      { hold: (held) => this.stage.hold(held) },
    );
    addEventListener("beforeunload", (event) => { if (this.queue.left) event.preventDefault(); });
  }

  escape() {
    if (this.gallery.picksSecond) this.gallery.pickSecond(false);
    else if (this.stage.masking) this.stage.endMask();
    else if (this.studio.busy) this.studio.stop();
    else this.stage.zoom(false);
  }

  /** The label beside the painting, as in a museum. */
  showPlate() {
    const { studio, shelf } = this;
    const styles = studio.settings.styles.map(({ id }) => shelf.find(id)).filter((style) => style !== undefined);
    byId("plate-title").textContent = styles.map(({ title }) => title).join(" and ") || " ";
    const { photo, full } = studio;
    const who = styles.length === 1 ? styles[0].detail : "a mix";
    const { width, height } = full ?? photo ?? { width: 0, height: 0 };
    const strength = studio.settings.strength < 1 ? `strength ${Math.round(100 * studio.settings.strength)} %` : "";
    const size = width ? `${width}\u00a0×\u00a0${height}` : "";
    const state = this.loading !== null && !studio.busy
      ? `Getting ready to paint… ${this.loading} %`
      : this.stage.busyWords || size;
    byId("plate-detail").textContent = [who, strength, state].filter(Boolean).join(" · ");
    byId("after").setAttribute("aria-label", `${photo?.name ?? "The photograph"} painted in the style of ${styles.map(({ title }) => title).join(" and ")}`);
  }

  showMaskButton() {
    const text = this.stage.masking ? "Leave the mask" : this.studio.mask ? "Change the mask" : "Paint only a part";
    const label = byId("mask").querySelector("span");
    if (label) label.textContent = text;
  }

  /** Say why a photograph is not painted at full size. */
  checkSize() {
    const { photo, maxPixels } = this.studio;
    if (!photo || photo.width * photo.height <= maxPixels) return;
    const side = targetSide(photo, null, maxPixels);
    const scale = side / Math.max(photo.width, photo.height);
    const where = this.studio.painter === this.server ? `the server paints` : "this device paints";
    notify(`The photograph has ${Math.round((photo.width * photo.height) / 1e6)} megapixels, and ${where} up to ${Math.round(maxPixels / 1e6)}. ` +
      `It is painted at ${Math.round(photo.width * scale)} × ${Math.round(photo.height * scale)}.`);
  }

  /** Buttons for own styles: save, learn, optimize, remove. */
  showExtra() {
    const box = byId("extra");
    const style = this.shelf.find(this.studio.settings.styles[0].id);
    const own = style && style.kind !== "gallery" && this.studio.settings.styles.length === 1;
    box.hidden = !own;
    if (!own || !style) return box.replaceChildren();
    const features = this.studio.painter === this.server ? this.serverInfo?.features : null;
    const button = (/** @type {string} */ name, /** @type {string} */ text, /** @type {() => void} */ act) =>
      h("button", { class: "outline small", on: { click: act } }, icon(name), text);
    const { server } = this;
    box.replaceChildren(
      button("save", "Save style file", () => this.saveStyle(style).catch(complain)),
      ...(features?.train && server && style.kind === "picture" ? [button("learn", "Learn", () => learnDialog(this.studio, server, style))] : []),
      ...(features?.optimize && server && style.kind === "picture" ? [button("brush", "Optimize", () => optimizeDialog(this.studio, server, style))] : []),
      button("close", "Remove style", () => this.gallery.remove(style.id).catch(complain)),
    );
  }

  /** @param {import("./studio/shelf.js").ShelfStyle} style */
  async saveStyle(style) {
    if (!this.studio.painter) return;
    const file = await this.shelf.file(this.studio.painter, style);
    if (!file) throw new Error("cannot save the style: this painter does not write style files");
    saveFile(file, `${style.name}.safetensors`);
  }

  /** @param {string} name */
  openTab(name) {
    const list = /** @type {HTMLElement} */ (document.querySelector(".tabs"));
    byId(`tab-${name}`).hidden = false;
    select(list, byId(`tab-${name}`), () => this.showTab(name));
  }

  /** @param {string} name */
  showTab(name) {
    document.body.dataset.tab = name;
    for (const one of ["photo", "webcam", "video"]) byId(`easel-${one}`).hidden = one !== name;
    if (name !== "webcam") this.webcam.stop();
    if (name !== "video") this.tray.showClip(null);
    this.showPlace();
    if (name === "photo") this.stage.layout();
  }

  /** @param {File} file */
  openClip(file) {
    if (!this.serverInfo?.features.video) {
      complain(new Error("cannot paint a video in the browser: a server does; start “impasto serve”"));
      return;
    }
    if (this.studio.painter !== this.server) {
      notify(`Videos are painted on ${serverName(this.serverInfo.name)}, not in the browser.`, {
        action: "Send it there",
        act: () => { this.openTab("video"); this.video.open(file); },
      });
      return;
    }
    this.openTab("video");
    this.video.open(file);
  }
}

const page = new Page();
page.open().catch(complain);

if ("serviceWorker" in navigator && isSecureContext && !new URLSearchParams(location.search).has("no-sw")) {
  fetch(new URL("sw.js", BASE), { method: "HEAD" })
    .then(async (response) => {
      if (response.ok) await navigator.serviceWorker.register(new URL("sw.js", BASE));
    })
    .catch(() => {}); // offline, or a browser that keeps no workers
}
