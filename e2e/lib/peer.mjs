// What a room page's peer connection tells of itself. A page has one, and keeps it.

/** @typedef {import("playwright-core").Page} Page */

/**
 * Remembers the page's connection and its video track, so that keptPeer can say whether
 * they are still the ones that play.
 * @param {Page} page
 */
export const keepPeer = (page) =>
  page.evaluate(async () => {
    const peer = /** @type {RTCPeerConnection} */ (window.peers.at(-1));
    const videoSSRC = async () =>
      [...(await peer.getStats()).values()].find((s) => s.type === "inbound-rtp" && s.kind === "video")?.ssrc;
    const kept = { peer, videoSSRC, ssrc: await videoSSRC(), negotiations: 0 };
    peer.addEventListener("signalingstatechange", () => kept.negotiations++);
    window.kept = kept;
  });

/** @param {Page} page */
export const keptPeer = (page) =>
  page.evaluate(async () => {
    const { peer, videoSSRC, ssrc, negotiations } = window.kept;
    return {
      peers: window.peers.length,
      negotiations,
      state: peer.connectionState,
      sameSSRC: ssrc !== undefined && (await videoSSRC()) === ssrc,
    };
  });

/** What keptPeer answers as long as nothing was negotiated anew. */
export const untouched = { peers: 1, negotiations: 0, state: "connected", sameSSRC: true };

/**
 * What the page's connection has received so far, and over which transport.
 * @param {Page} page
 */
export const received = (page) =>
  page.evaluate(async () => {
    const all = [...((await window.peers.at(-1)?.getStats()) ?? []).values()];
    const of = (/** @type {string} */ kind) =>
      all.find((s) => s.type === "inbound-rtp" && s.kind === kind) ?? {};
    const transport = all.find((s) => s.type === "transport");
    const pair = all.find((s) => s.id === transport?.selectedCandidatePairId);
    const [video, audio] = [of("video"), of("audio")];
    return {
      protocol: `${all.find((s) => s.id === pair?.localCandidateId)?.protocol}`,
      videoBytes: Number(video.bytesReceived ?? 0),
      audioBytes: Number(audio.bytesReceived ?? 0),
      width: Number(video.frameWidth ?? 0),
      freezes: Number(video.freezeCount ?? 0),
      plis: Number(video.pliCount ?? 0),
    };
  });

/**
 * Notes from now on when the page's video shows a frame, until framesNoted.
 * @param {Page} page
 */
export const noteFrames = (page) =>
  page.evaluate(() => {
    const video = /** @type {HTMLVideoElement} */ (document.querySelector('[data-testid="video"]'));
    /** @type {typeof window.noted} */
    const noted = [];
    window.noted = noted;
    const next = () =>
      video.requestVideoFrameCallback((_, { width, expectedDisplayTime }) => {
        noted.push({ at: expectedDisplayTime, width });
        if (window.noted === noted) next();
      });
    next();
  });

/**
 * Ends the notes and sums them up: how many frames, the widths in the order they came,
 * and the longest time (ms) without a new frame.
 * @param {Page} page
 */
export async function framesNoted(page) {
  const noted = await page.evaluate(() => {
    const { noted } = window;
    window.noted = [];
    return noted;
  });
  const gaps = noted.slice(1).map(({ at }, i) => at - /** @type {{at: number}} */ (noted[i]).at);
  const widths = noted.map((f) => f.width).filter((w, i, all) => w !== all[i - 1]);
  return { frames: noted.length, widths, gapMs: Math.round(Math.max(0, ...gaps)) };
}
