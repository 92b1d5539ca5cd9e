/** Puts the page together: the studio, the painters, and what one sees. */

import { createBrowserPainter } from "./painters/browser.js";
import { findServerPainter } from "./painters/server.js";
import { Queue } from "./studio/queue.js";
import { Shelf } from "./studio/shelf.js";
import { DEFAULTS, Studio, targetSide } from "./studio/studio.js";
import { Controls } from "./ui/controls.js";
import { byId, fillTrack, placeIcons } from "./ui/dom.js";
import { Gallery } from "./ui/gallery.js";
import { Intake } from "./ui/intake.js";
import { bindKeys, bindSliders, stepOf } from "./ui/keys.js";
import { bindMenu } from "./ui/menu.js";
import { complain, notify, speak } from "./ui/notices.js";
import { bindOutput, copy, download } from "./ui/output.js";
import { learnOffer, showOwnStyle } from "./ui/own_style.js";
import { bindPanel } from "./ui/panel.js";
import { showPlate } from "./ui/plate.js";
import { Stage } from "./ui/stage.js";
import { bindTabs, select } from "./ui/tabs.js";
import { VideoTab } from "./ui/tasks.js";
import { bindTheme } from "./ui/theme.js";
import { Tray } from "./ui/tray.js";
import { Webcam } from "./ui/webcam.js";
import { isLocal, placeName, showWhere } from "./ui/where.js";

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
    this.panel = bindPanel();
    this.gallery = new Gallery(this.studio, {
      onChoose: () => this.panel.open(false),
      onPickSecond: () => { this.panel.showStyles(); this.panel.open(true); },
    });
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
      learnOffer: (style) => learnOffer(this.studio, style, this.ownStylePage),
    });
    this.webcam = new Webcam(this.studio, () => this.readyDevice(), {
      openPicture: (blob, name) => { this.openTab("photo"); this.studio.openPhoto(blob, name).catch(complain); },
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
    this.controls.show();
    const opened = this.openFirstPhoto();
    await this.shelf.load(BASE);
    this.checkStyles();
    this.controls.show();
    await opened;
    this.server = await findServerPainter(BASE);
    if (this.server && !this.server.authorized) {
      this.server = null;
      notify("This server asks for a token: open the address that “impasto serve” printed. Until then, this browser paints.");
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
      await this.studio.openPhoto(photo, sample.name, { paint: false, id: sample.id, isExample: true });
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
    this.studio.setPainter(null);
    try {
      if (painter === this.device) await this.readyDevice();
      const info = await painter.info();
      this.studio.setPainter(painter);
      this.studio.maxPixels = info.maxPixels;
      this.checkSize();
      this.controls.offer(info);
      byId("about").textContent = `Photographs of up to ${Math.round(info.maxPixels / 1e6)} megapixels are painted here${info.threads ? `, on ${info.threads} processor ${info.threads === 1 ? "core" : "cores"}` : ""}${info.backend ? ` (by ${info.backend})` : ""}.`;
      document.body.dataset.ready = where;
      this.showExtra();
      if (!this.studio.full) this.studio.repaint();
    } catch (error) {
      this.studio.cancel();
      this.studio.setPainter(null); // what waits for one ends
      complain(error);
    }
  }

  /** Say where painting happens; the webcam is painted in this browser, whatever was chosen. */
  showPlace() {
    const isWebcam = document.body.dataset.tab === "webcam";
    const host = this.serverInfo?.name ?? "";
    showWhere(isWebcam ? "device" : this.where, isWebcam ? null : host || null, (chosen) => {
      localStorage.setItem("impasto.where", chosen);
      this.paintWhere(chosen).catch(complain);
    });
    byId("help-private").textContent = this.where === "device" ? "Photographs are painted in this browser. Nothing is uploaded."
      : isLocal(host) ? "Photographs are painted by the impasto server on this computer. They do not leave it."
      : `Photographs are sent to ${host} and painted there. To keep them here, choose “In this browser”.`;
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
    for (const name of ["painting", "busy", "settings", "photo", "mask", "painter"]) studio.addEventListener(name, () => this.showPlate());
    this.shelf.addEventListener("change", () => this.showPlate());
    studio.addEventListener("settings", () => this.showExtra());
    studio.addEventListener("problem", (event) => complain(/** @type {CustomEvent} */ (event).detail));
    studio.addEventListener("kept", () => speak(`Painted in the style of ${byId("plate-title").textContent}`));
    studio.addEventListener("photo", () => this.checkSize());
    studio.addEventListener("mask", () => this.showMaskButton());
    byId("mask").addEventListener("click", () => {
      if (this.stage.masking) this.stage.endMask();
      else this.stage.startMask();
      this.panel.open(false);
    });
    bindTabs(/** @type {HTMLElement} */ (document.querySelector(".tabs")), (tab) => this.showTab(tab.id.replace("tab-", "")));
    bindSliders();
    bindMenu();
    bindTheme();
    const help = /** @type {HTMLDialogElement} */ (byId("help-dialog"));
    byId("help").addEventListener("click", () => help.showModal());
    help.addEventListener("click", (event) => { if (event.target === help) help.close(); });
    // elsewhere, what is shown is not the painting
    const onPhoto = (/** @type {() => void} */ act) => () => { if (document.body.dataset.tab === "photo") act(); };
    bindKeys(
      {
        o: () => this.intake.choose(),
        z: onPhoto(() => byId("zoom").click()),
        m: onPhoto(() => byId("mask").click()),
        s: onPhoto(() => byId("download").click()),
        "/": () => byId("search").focus(),
        "?": () => help.showModal(),
        arrowright: () => this.gallery.step(1),
        arrowleft: () => this.gallery.step(-1),
        arrowup: (event) => this.controls.strengthen(stepOf(event)),
        arrowdown: (event) => this.controls.strengthen(-stepOf(event)),
        e: () => this.stage.masking && this.stage.pick("keep"),
        b: () => this.stage.masking && this.stage.pick("paint"),
        f: () => this.stage.masking && this.stage.pick("fade"),
        i: () => this.stage.masking && this.stage.invert(),
        "ctrl+z": () => this.stage.masking && this.stage.undo(),
        "ctrl+c": onPhoto(() => copy(studio).catch(complain)),
        "ctrl+s": onPhoto(() => download(studio).catch(complain)),
        escape: () => this.escape(),
      },
      { hold: (held) => this.stage.hold(held) },
    );
    addEventListener("beforeunload", (event) => { if (this.queue.left) event.preventDefault(); });
  }

  escape() {
    const { activeElement } = document;
    if (activeElement instanceof HTMLElement && activeElement.closest("#grid")) activeElement.blur();
    if (this.gallery.picksSecond) this.gallery.pickSecond(false);
    else if (this.stage.masking) this.stage.endMask();
    else if (this.studio.busy) this.studio.cancel();
    else this.stage.zoom(false);
  }

  showPlate() {
    showPlate(this.studio, { busyWords: this.stage.busyWords, loading: this.loading });
  }

  showMaskButton() {
    const text = this.stage.masking ? "Close the mask tools" : this.studio.mask ? "Change the mask" : "Paint only a part";
    const label = byId("mask").querySelector("span");
    if (label) label.textContent = text;
  }

  /** Say why a photograph is not painted at full size. */
  checkSize() {
    const { photo, maxPixels } = this.studio;
    if (!photo || photo.width * photo.height <= maxPixels) return;
    const side = targetSide(photo, null, maxPixels);
    const scale = side / Math.max(photo.width, photo.height);
    const where = this.studio.painter === this.server ? "the server paints" : "this browser paints";
    notify(`The photograph has ${Math.round((photo.width * photo.height) / 1e6)} megapixels, and ${where} up to ${Math.round(maxPixels / 1e6)}. ` +
      `It is painted at ${Math.round(photo.width * scale)} × ${Math.round(photo.height * scale)}.`);
  }

  showExtra() {
    showOwnStyle(this.studio, this.ownStylePage);
  }

  get ownStylePage() {
    return { server: this.server, features: this.serverInfo?.features, remove: (/** @type {string} */ id) => this.gallery.remove(id) };
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
    if (name !== "webcam" && this.webcam.stream) {
      this.webcam.stop();
      notify("The webcam is stopped.", { action: "Start it again", act: () => { this.openTab("webcam"); this.webcam.start(); } });
    }
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
      notify(`Videos are painted ${placeName("server", this.serverInfo.name).replace("On", "on")}, not in the browser.`, {
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
