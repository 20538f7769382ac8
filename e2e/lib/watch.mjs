// WHEP viewers inside one bare page: no player of ours, only what any browser has. They
// share the page's clock, so that one that joins can be compared with one that was there.
import { patienceMs } from "./browser.mjs";

/** @typedef {import("playwright-core").Page} Page */

/**
 * What a join was like; times in ms.
 * @typedef {object} Join
 * @property {number} index of the viewer in its page
 * @property {number} sinceKeyMs how old the stream's last key frame was when the connection stood
 * @property {number} firstFrameMs from connected to the first frame on the screen
 * @property {number} keysMeanwhile key frames of the stream that came while it joined
 */

/**
 * Opens a page of viewers on the server's origin.
 * @param {import("playwright-core").Browser} browser
 * @param {import("./server.mjs").Server} server
 */
export async function newGallery(browser, server) {
  const context = await browser.newContext();
  context.setDefaultTimeout(patienceMs);
  const page = await context.newPage();
  await page.goto(server.links.url);
  await page.evaluate(install);
  return page;
}

/**
 * Adds a viewer of the room and answers when its first frame is on the screen. With a
 * veteran (another viewer's index) it joins that long after a key frame of the veteran's.
 * @param {Page} page @param {string} slug @param {{veteran: number, afterKeyMs: number}} [moment]
 * @returns {Promise<Join>}
 */
export const join = (page, slug, moment) =>
  page.evaluate(([slug, moment]) => window.gallery.join(slug, moment), /** @type {const} */ ([slug, moment]));

/** Ends a viewer. @param {Page} page @param {number} index */
export const leave = (page, index) => page.evaluate((index) => window.gallery.leave(index), index);

/**
 * How far a viewer is behind another one: the median over the frames both showed within
 * the last second. Throws while there are fewer than ten.
 * @param {Page} page @param {number} index @param {number} veteran
 */
export const behindMs = (page, index, veteran) =>
  page.evaluate(
    ([index, veteran]) => window.gallery.behindMs(index, veteran),
    /** @type {const} */ ([index, veteran]),
  );

/**
 * What a viewer's connection has counted of its video.
 * @param {Page} page @param {number} index
 */
export const videoStats = (page, index) => page.evaluate((index) => window.gallery.stats(index), index);

function install() {
  const firstFrameLimitMs = 20_000;
  const pause = (/** @type {number} */ ms) => new Promise((resolve) => setTimeout(resolve, ms));

  /** @typedef {{at: number, ts: number}} Frame */
  /** @type {{peer: RTCPeerConnection, video: HTMLVideoElement, session: string, connectedAt: Promise<number>, frames: Frame[]}[]} */
  const viewers = [];

  /** @param {number} index */
  const viewer = (index) => {
    const found = viewers[index];
    if (!found) throw new Error(`no viewer ${index}`);
    return found;
  };

  /** @param {string} slug */
  async function open(slug) {
    const peer = new RTCPeerConnection();
    const video = Object.assign(document.createElement("video"), { muted: true, playsInline: true });
    video.style.width = "160px";
    document.body.prepend(video);
    const media = new MediaStream();
    video.srcObject = media;
    peer.addEventListener("track", ({ track }) => media.addTrack(track));
    const connectedAt = /** @type {Promise<number>} */ (
      new Promise((resolve) => {
        peer.addEventListener("connectionstatechange", () => {
          if (peer.connectionState === "connected") resolve(performance.now());
        });
      })
    );
    /** @type {Frame[]} */
    const frames = [];
    const next = () =>
      video.requestVideoFrameCallback((_, { rtpTimestamp, expectedDisplayTime }) => {
        frames.push({ at: frames.length ? expectedDisplayTime : performance.now(), ts: rtpTimestamp ?? 0 });
        next();
      });
    next();
    void video.play();
    peer.addTransceiver("video", { direction: "recvonly" });
    peer.addTransceiver("audio", { direction: "recvonly" });
    await peer.setLocalDescription();
    const answer = await fetch(`/whep/${slug}`, {
      method: "POST",
      headers: { "content-type": "application/sdp" },
      body: peer.localDescription?.sdp,
    });
    const sdp = await answer.text();
    if (answer.status !== 201) throw new Error(`WHEP answers ${answer.status}: ${sdp}`);
    await peer.setRemoteDescription({ type: "answer", sdp });
    const session = answer.headers.get("location") ?? "";
    return viewers.push({ peer, video, session, connectedAt, frames }) - 1;
  }

  /** @param {number} index */
  async function stats(index) {
    const all = [...(await viewer(index).peer.getStats()).values()];
    const s = all.find((r) => r.type === "inbound-rtp" && r.kind === "video") ?? {};
    return {
      codec: `${all.find((r) => r.id === s.codecId)?.mimeType}`,
      ssrc: Number(s.ssrc),
      keys: Number(s.keyFramesDecoded ?? 0),
      decoded: Number(s.framesDecoded ?? 0),
      dropped: Number(s.framesDropped ?? 0),
      freezes: Number(s.freezeCount ?? 0),
      frozenMs: Math.round(1000 * (s.totalFreezesDuration ?? 0)),
      plis: Number(s.pliCount ?? 0),
      nacks: Number(s.nackCount ?? 0),
    };
  }

  /** Answers when the viewer decodes its next key frame. @param {number} index */
  async function nextKey(index) {
    for (const { keys } = await stats(index); ; ) {
      if ((await stats(index)).keys > keys) return performance.now();
      await pause(10);
    }
  }

  /** @param {string} slug @param {{veteran: number, afterKeyMs: number}} [moment] */
  async function join(slug, moment) {
    const keyAt = moment ? await nextKey(moment.veteran) : performance.now();
    if (moment) await pause(moment.afterKeyMs);
    const keys = moment ? (await stats(moment.veteran)).keys : 0;
    const index = await open(slug);
    const { connectedAt, frames } = viewer(index);
    const at = await connectedAt;
    const limit = performance.now() + firstFrameLimitMs;
    while (!frames[0]) {
      if (performance.now() > limit) throw new Error("no first frame");
      await pause(5);
    }
    return {
      index,
      sinceKeyMs: Math.round(at - keyAt),
      firstFrameMs: Math.round(frames[0].at - at),
      keysMeanwhile: moment ? (await stats(moment.veteran)).keys - keys : 0,
    };
  }

  /** @param {number} index */
  async function leave(index) {
    const { peer, video, session } = viewer(index);
    await fetch(session, { method: "DELETE" });
    peer.close();
    video.remove();
  }

  /** @param {number} index @param {number} veteran */
  function behindMs(index, veteran) {
    const shown = new Map(viewer(veteran).frames.map(({ at, ts }) => [ts, at]));
    const recent = performance.now() - 1000;
    const late = viewer(index)
      .frames.filter(({ at, ts }) => at > recent && shown.has(ts))
      .map(({ at, ts }) => at - (shown.get(ts) ?? at))
      .sort((a, b) => a - b);
    if (late.length < 10) throw new Error(`only ${late.length} frames in common`);
    return Math.round(late[late.length >> 1] ?? 0);
  }

  window.gallery = { join, leave, behindMs, stats };
}
