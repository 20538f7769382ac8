// One WHIP session (RFC 9725): offer, POST, answer, DELETE. Keeping the show on
// air across sessions is air.ts.

/** Why a session could not begin. "retry" may pass by itself, the others do not. */
export type WhipFault = "busy" | "denied" | "codec" | "refused" | "retry";

export class WhipError extends Error {
  constructor(
    readonly fault: WhipFault,
    /** Who is publishing, for "busy"; the server's words otherwise. */
    readonly detail: string,
  ) {
    super(`${fault}: ${detail}`);
  }
}

/** What the outgoing picture is like right now. */
export interface AirStats {
  bitrate: number; // bits/s
  width: number;
  height: number;
  fps: number;
  limited: string; // what the encoder is held back by: none, cpu, bandwidth, other
  rttMS: number;
  lostPercent: number;
}

export interface WhipSession {
  pc: RTCPeerConnection;
  /** Swaps tracks in place; false when the kinds differ and a new session is needed. */
  replace(next: MediaStream): Promise<boolean>;
  stats(): Promise<AirStats>;
  /** Ends the session here and on the server. Safe to call twice. */
  close(): void;
}

/** One picture: what fits on most uplinks, and below what the server calls too much for viewers. */
const single: RTCRtpEncodingParameters = { maxBitrate: 2_200_000, maxFramerate: 30 };
/** The best layer first: it is the one that is left where a server knows no simulcast. */
const layers: RTCRtpEncodingParameters[] = [
  { rid: "h", maxBitrate: 2_500_000, maxFramerate: 30 },
  { rid: "m", maxBitrate: 600_000, maxFramerate: 30, scaleResolutionDownBy: 2 },
  { rid: "l", maxBitrate: 180_000, maxFramerate: 30, scaleResolutionDownBy: 4 },
];
/** A small picture has no use for three. */
const smallLayers: RTCRtpEncodingParameters[] = [
  { rid: "h", maxBitrate: 1_200_000, maxFramerate: 30 },
  { rid: "l", maxBitrate: 250_000, maxFramerate: 30, scaleResolutionDownBy: 2 },
];
const smallBelow = 540; // pixels of the shorter side
const maxAudioBitrate = 96_000;
const startKilobits = 1200;
const gatherMS = 1_000;
const postTimeoutMS = 10_000;
const deleteTimeoutMS = 2_000;

/** Opens a session or throws a WhipError. */
export async function publish(endpoint: string, bearer: string, stream: MediaStream): Promise<WhipSession> {
  const pc = new RTCPeerConnection({ bundlePolicy: "max-bundle" });
  try {
    addTracks(pc, stream);
    await pc.setLocalDescription();
    await gathered(pc);
    const res = await post(endpoint, bearer, pc.localDescription?.sdp ?? "");
    const location = new URL(res.headers.get("Location") ?? "", res.url).href;
    await pc.setRemoteDescription({ type: "answer", sdp: startFast(await res.text()) });
    return session(pc, location, bearer);
  } catch (err) {
    pc.close();
    throw err instanceof WhipError ? err : new WhipError("retry", String(err));
  }
}

function addTracks(pc: RTCPeerConnection, stream: MediaStream): void {
  for (const track of stream.getTracks()) {
    const add = (sendEncodings: RTCRtpEncodingParameters[]) =>
      pc.addTransceiver(track, { direction: "sendonly", streams: [stream], sendEncodings });
    if (track.kind === "video") preferCodecs(addVideo(add, track));
    else add([{ maxBitrate: maxAudioBitrate }]);
  }
}

/** Several sizes of the picture where the browser can, so that every viewer gets one that fits. */
function addVideo(
  add: (encodings: RTCRtpEncodingParameters[]) => RTCRtpTransceiver,
  track: MediaStreamTrack,
): RTCRtpTransceiver {
  try {
    return add(encodings(track.getSettings()));
  } catch {
    return add([single]);
  }
}

/** encodings says what to send of a camera's picture. */
export function encodings(size: { width?: number; height?: number }): RTCRtpEncodingParameters[] {
  if (!inChromium()) return [single];
  const { width = 1280, height = 720 } = size;
  return Math.min(width, height) < smallBelow ? smallLayers : layers;
}

/** Elsewhere H.264 in several sizes is rare, or half done. */
function inChromium(): boolean {
  const { userAgentData } = navigator as { userAgentData?: { brands: { brand: string }[] } };
  return userAgentData?.brands.some((b) => b.brand === "Chromium") ?? false;
}

/** H.264 constrained baseline first (every phone decodes it in hardware), then VP8. */
function preferCodecs(t: RTCRtpTransceiver): void {
  const all = RTCRtpSender.getCapabilities("video")?.codecs ?? [];
  const ranked = all
    .map((codec) => ({ codec, rank: rank(codec.mimeType.toLowerCase(), codec.sdpFmtpLine ?? "") }))
    .filter((c) => c.rank < 9)
    .sort((a, b) => a.rank - b.rank);
  if (ranked.some((c) => c.rank < 4)) t.setCodecPreferences(ranked.map((c) => c.codec));
}

function rank(mime: string, fmtp: string): number {
  const packetized = fmtp.includes("packetization-mode=1");
  if (mime === "video/h264" && /profile-level-id=42[ce]0/i.test(fmtp) && packetized) return 0;
  if (mime === "video/h264" && /profile-level-id=42/i.test(fmtp) && packetized) return 1;
  if (mime === "video/vp8") return 2;
  if (mime === "video/rtx") return 5;
  return 9;
}

/**
 * startFast has the encoder begin near its target: Chromium starts at 300 kbit/s and
 * needs half a minute to a sharp picture. A slow uplink is noticed within a second.
 */
export function startFast(answer: string): string {
  const [head = "", ...sections] = answer.split(/(?=^m=)/m);
  return head + sections.map((s) => (s.startsWith("m=video") ? startFastVideo(s) : s)).join("");
}

function startFastVideo(section: string): string {
  const start = `x-google-start-bitrate=${startKilobits}`;
  let out = section;
  for (const [, type] of section.matchAll(/^a=rtpmap:(\d+) (?:H264|VP8)\//gim)) {
    const settings = new RegExp(`^a=fmtp:${type} .*\\S`, "m");
    const name = new RegExp(`^a=rtpmap:${type} .*\\S`, "m");
    out = settings.test(out)
      ? out.replace(settings, `$&;${start}`)
      : out.replace(name, `$&\r\na=fmtp:${type} ${start}`);
  }
  return out;
}

/** Waits for candidates, but not long: the server learns ours from the first packet anyway. */
function gathered(pc: RTCPeerConnection): Promise<void> {
  return new Promise((resolve) => {
    if (pc.iceGatheringState === "complete") return resolve();
    const timer = setTimeout(resolve, gatherMS);
    pc.addEventListener("icegatheringstatechange", () => {
      if (pc.iceGatheringState !== "complete") return;
      clearTimeout(timer);
      resolve();
    });
  });
}

async function post(endpoint: string, bearer: string, sdp: string): Promise<Response> {
  const res = await fetch(endpoint, {
    method: "POST",
    headers: { "Content-Type": "application/sdp", Authorization: `Bearer ${bearer}` },
    body: sdp,
    credentials: "omit",
    signal: AbortSignal.timeout(postTimeoutMS),
  });
  if (res.status === 201) return res;
  const problem = (await res.json().catch(() => ({}))) as { detail?: string; label?: string };
  throw new WhipError(fault(res.status), problem.label ?? problem.detail ?? String(res.status));
}

function fault(status: number): WhipFault {
  if (status === 409) return "busy";
  if (status === 401 || status === 403) return "denied";
  if (status === 406 || status === 422) return "codec";
  return status === 429 || status >= 500 ? "retry" : "refused";
}

function session(pc: RTCPeerConnection, location: string, bearer: string): WhipSession {
  let open = true;
  const stats = statsReader(pc);
  return {
    pc,
    stats,
    replace: (next) => replaceTracks(pc, next),
    close() {
      if (!open) return;
      open = false;
      // First the DELETE: a connection that ends before it would leave nothing to delete.
      // keepalive lets it outlive the page.
      const headers = { Authorization: `Bearer ${bearer}` };
      const signal = AbortSignal.timeout(deleteTimeoutMS);
      fetch(location, { method: "DELETE", headers, credentials: "omit", keepalive: true, signal })
        .catch(() => {})
        .finally(() => pc.close());
    },
  };
}

async function replaceTracks(pc: RTCPeerConnection, next: MediaStream): Promise<boolean> {
  const senders = pc.getSenders().filter((s) => s.track);
  const tracks = next.getTracks();
  const pairs = senders.map((s) => ({ sender: s, track: tracks.find((t) => t.kind === s.track?.kind) }));
  if (senders.length !== tracks.length || pairs.some((p) => !p.track)) return false;
  await Promise.all(pairs.map((p) => p.sender.replaceTrack(p.track ?? null)));
  return true;
}

/** Of several layers the largest that is sent is the picture; what holds back one holds back all. */
function readLayer(out: AirStats, s: RTCOutboundRtpStreamStats): void {
  if (s.active === false) return; // refused by the server
  if (s.qualityLimitationReason && s.qualityLimitationReason !== "none")
    out.limited = s.qualityLimitationReason;
  if ((s.frameWidth ?? 0) <= out.width || !s.framesPerSecond) return;
  out.width = s.frameWidth ?? 0;
  out.height = s.frameHeight ?? 0;
  out.fps = s.framesPerSecond;
}

/** Reads what leaves this page; bitrate is the mean since the call before. */
function statsReader(pc: RTCPeerConnection): () => Promise<AirStats> {
  let bytes = 0;
  let at = 0;
  return async () => {
    const out: AirStats = {
      bitrate: 0,
      width: 0,
      height: 0,
      fps: 0,
      limited: "none",
      rttMS: 0,
      lostPercent: 0,
    };
    let sent = 0;
    let now = at;
    for (const s of (await pc.getStats()).values()) {
      if (s.type === "outbound-rtp") {
        sent += s.bytesSent;
        now = s.timestamp;
      }
      if (s.type === "outbound-rtp" && s.kind === "video") readLayer(out, s);
      if (s.type === "remote-inbound-rtp" && s.kind === "video") {
        out.rttMS = Math.round((s.roundTripTime ?? 0) * 1000);
        out.lostPercent = Math.max(out.lostPercent, (s.fractionLost ?? 0) * 100);
      }
    }
    if (at > 0 && now > at) out.bitrate = Math.max(0, ((sent - bytes) * 8000) / (now - at));
    bytes = sent;
    at = now;
    return out;
  };
}
