/** The webcam, painted in this browser; snapshots and recordings. */

import { drawn, thumbnail } from "../studio/canvas.js";
import { byId, h, icon, saveFile } from "./dom.js";
import { complain, notify, speak } from "./notices.js";
import { strokeOf } from "../studio/studio.js";

/** @typedef {import("../studio/studio.js").Studio} Studio */
/** @typedef {import("../painters/painter.js").Painter} Painter */
/** @typedef {import("../painters/painter.js").LivePainter} LivePainter */

const SIDES = [256, 320, 480, 640];
const START_SIDE = 320;

export class Webcam {
  /**
   * @param {Studio} studio
   * @param {() => Promise<Painter>} devicePainter
   * @param {{openPicture: (blob: Blob, name: string) => void}} page
   */
  constructor(studio, devicePainter, page) {
    this.studio = studio;
    this.devicePainter = devicePainter;
    this.page = page;
    this.canvas = h("canvas", { role: "img", "aria-label": "The webcam, painted" });
    this.video = h("video", { playsinline: true, muted: true, hidden: true });
    this.video.muted = true;
    this.rate = h("span", { "aria-live": "off" });
    this.side = h("select", { "aria-label": "Size of the webcam's frames" }, ...SIDES.map((side) => h("option", { value: side }, `${side} pixels`)));
    this.side.value = String(START_SIDE);
    this.start_ = h("button", { class: "primary", id: "cam-start", on: { click: () => this.start() } }, icon("camera"), "Start the webcam");
    this.snap_ = h("button", { class: "outline", id: "cam-snap", on: { click: () => this.snap().catch(complain) } }, icon("camera"), "Take a photograph");
    this.record_ = h("button", { class: "outline", id: "cam-record", "aria-pressed": "false", on: { click: () => this.record() } });
    this.stop_ = h("button", { class: "quiet", id: "cam-stop", on: { click: () => this.stop() } }, icon("stop"), "Stop webcam");
    this.blank = h("div", { class: "blank" }, h("p", { class: "blank-title" }, "Paint yourself"), h("p", {}, "The webcam is painted in this browser. No picture leaves it."));
    this.waiting = h("div", { class: "live-wait", role: "status" });
    this.tools = h("div", { class: "live-tools" });
    this.box = h("div", { class: "live mirrored" }, this.video, this.waiting, this.canvas, this.blank, this.tools);
    byId("easel-webcam").append(this.box);
    /** @type {MediaStream|null} */
    this.stream = null;
    /** @type {LivePainter|null} */
    this.live = null;
    /** @type {MediaRecorder|null} */
    this.recorder = null;
    studio.addEventListener("settings", () => this._renew());
    this.side.addEventListener("change", () => this._renew());
    this._show();
  }

  async start() {
    if (!navigator.mediaDevices?.getUserMedia) {
      return complain(new Error("cannot use the webcam: browsers allow it on secure pages only (https or localhost)"));
    }
    this._show("Starting the camera…");
    try {
      this.stream = await navigator.mediaDevices.getUserMedia({ video: { width: { ideal: 640 }, height: { ideal: 480 }, facingMode: "user" } });
    } catch (error) {
      const name = error instanceof DOMException ? error.name : "";
      const reason = name === "NotAllowedError" ? "the browser did not allow it; allow it in the address bar"
        : name === "NotFoundError" ? "there is none; plug one in" : "another program may be using it; close that and try again";
      this._show();
      return complain(new Error(`cannot use the webcam: ${reason}`));
    }
    this.video.srcObject = this.stream;
    try {
      await this.video.play();
      this._setAspect(this.video.videoWidth, this.video.videoHeight);
      this._show("Getting ready to paint…");
      await this._run();
    } catch (error) {
      complain(error);
    }
    this.stop();
  }

  stop() {
    if (this.recorder?.state === "recording") this.recorder.stop();
    for (const track of this.stream?.getTracks() ?? []) track.stop();
    this.stream = null;
    this.live?.close();
    this.live = null;
    this.video.srcObject = null;
    this._show();
  }

  async _run() {
    const painter = await this.devicePainter();
    const { stream } = this;
    let frames = 0, since = performance.now();
    this.rate.textContent = "";
    while (stream && this.stream === stream) {
      if (document.hidden) { await new Promise((next) => setTimeout(next, 300)); continue; }
      this.live ??= await this._makeLive(painter);
      const { live } = this;
      if (!live || !this.video.videoWidth) break;
      const side = Number(this.side.value);
      const scale = side / Math.max(this.video.videoWidth, this.video.videoHeight);
      const frame = await createImageBitmap(this.video, {
        resizeWidth: Math.round(this.video.videoWidth * scale), resizeHeight: Math.round(this.video.videoHeight * scale), resizeQuality: "medium",
      });
      /** @type {ImageBitmap} */
      let painted;
      try {
        painted = await live.paint(frame);
      } catch (error) {
        if (this.live !== live) continue; // settings changed meanwhile
        throw error;
      }
      if (this.stream !== stream) break;
      this._draw(painted);
      frames += 1;
      const now = performance.now();
      if (now - since > 1000) {
        this.rate.textContent = `${(frames / ((now - since) / 1000)).toFixed(frames < 10 ? 1 : 0)} frames a second`;
        frames = 0;
        since = now;
      }
      await new Promise((next) => requestAnimationFrame(next));
    }
  }

  /** @param {ImageBitmap} painted */
  _draw(painted) {
    if (this.canvas.width !== painted.width || this.canvas.height !== painted.height) {
      this.canvas.width = painted.width;
      this.canvas.height = painted.height;
      this._setAspect(painted.width, painted.height);
    }
    if (this.canvas.hidden) this._show();
    this.canvas.getContext("2d")?.drawImage(painted, 0, 0);
    painted.close();
    this.canvas.dataset.frames = String(Number(this.canvas.dataset.frames ?? 0) + 1);
  }

  /** The room of the picture, which its words take until it comes. @param {number} width @param {number} height */
  _setAspect(width, height) {
    if (width && height) this.box.style.setProperty("--aspect", String(width / height));
  }

  /** @param {Painter} painter */
  async _makeLive(painter) {
    const { settings, shelf } = this.studio;
    const styles = await shelf.resolve(painter, settings.styles);
    const side = Number(this.side.value);
    const network = "small"; // the others are too slow for a camera
    return painter.live({ ...this.studio.options({ ...settings, styles, network, stroke: strokeOf("auto", side) }, side, null) });
  }

  _renew() {
    clearTimeout(this._renewing);
    this._renewing = setTimeout(() => {
      const old = this.live;
      this.live = null;
      old?.close();
    }, 120);
  }

  /** Keep what is seen as a photograph, unpainted, and paint it at full size. */
  async snap() {
    const canvas = drawn(this.video, this.video.videoWidth, this.video.videoHeight);
    const blob = await new Promise((/** @type {(blob: Blob|null) => void} */ resolve) => canvas.toBlob(resolve, "image/jpeg", 0.95));
    if (blob) this.page.openPicture(blob, "webcam.jpg");
  }

  record() {
    if (this.recorder?.state === "recording") {
      this.recorder.stop();
      return;
    }
    if (typeof MediaRecorder === "undefined") return complain(new Error("cannot record: this browser does not record; try another one"));
    const type = ["video/mp4;codecs=avc1", "video/webm;codecs=vp9", "video/webm"].find((kind) => MediaRecorder.isTypeSupported(kind)) ?? "";
    /** @type {Blob[]} */
    const parts = [];
    const recorder = new MediaRecorder(this.canvas.captureStream(30), type ? { mimeType: type, videoBitsPerSecond: 6_000_000 } : {});
    const started = Date.now();
    const timer = setInterval(() => this._showRecord(Math.round((Date.now() - started) / 1000)), 500);
    recorder.addEventListener("dataavailable", (event) => event.data.size && parts.push(event.data));
    recorder.addEventListener("stop", () => {
      clearInterval(timer);
      this._showRecord(null);
      this._keep(new Blob(parts, { type: recorder.mimeType.split(";")[0] })).catch(complain);
    });
    recorder.start(500);
    this.recorder = recorder;
    this._showRecord(0);
    speak("Recording");
  }

  /** @param {Blob} clip */
  async _keep(clip) {
    if (!clip.size) throw new Error("cannot save the recording: no frame was painted; record a little longer");
    const suffix = clip.type.includes("mp4") ? "mp4" : "webm";
    const name = `webcam.${suffix}`;
    const thumb = await thumbnail(this.canvas);
    const id = crypto.randomUUID();
    await this.studio.keep({ id, time: Date.now(), kind: "video", name, photoId: id, photo: thumb, painting: clip, thumb, settings: structuredClone(this.studio.settings) });
    notify("The recording is kept below.", { action: "Download", act: () => saveFile(clip, name) });
  }

  /** @param {number|null} seconds */
  _showRecord(seconds) {
    const on = seconds !== null;
    this.record_.classList.toggle("recording", on);
    this.record_.setAttribute("aria-pressed", String(on));
    this.record_.replaceChildren(h("span", { class: "dot" }), on ? `Stop recording, ${seconds} s` : "Record");
  }

  /** Show what there is; while the picture is to come, words in its place. @param {string} [waiting] */
  _show(waiting = "") {
    const on = Boolean(this.stream);
    this.waiting.textContent = waiting;
    this.waiting.hidden = !waiting;
    this.canvas.hidden = !on || Boolean(waiting);
    this.blank.hidden = on || Boolean(waiting);
    const tools = on ? [this.snap_, this.record_, this.side, this.stop_, this.rate] : [this.start_];
    this.start_.disabled = Boolean(waiting);
    for (const button of [this.snap_, this.record_]) button.disabled = Boolean(waiting);
    if (this.tools.firstChild !== tools[0]) this.tools.replaceChildren(...tools);
    if (waiting || !on) {
      this._showRecord(null);
      delete this.canvas.dataset.frames;
    }
  }
}
