// The page's one peer connection: HQ's picture and sound into one <video>.
//
//   idle ──attach, stage live──► connecting ──first frame──► playing ◄──► stalled
//   any ──the stage is empty──► waiting (the last frame stays on the screen)
//
// Signalling runs over the socket: watch → offer → answer, trickled candidates,
// playing when a frame is on the screen. It asks to watch again when the server ends
// the connection, ICE fails, the picture stands still too long, or the socket resumed.
// The new connection takes the screen only when it is up, so a living old one plays on.
import { effect, type ReadonlySignal, signal } from "@preact/signals";
import type { Offer, PushMessage, StageInfo } from "./protocol";
import { backoffMs, type Socket } from "./socket";

export type PlayerState = "idle" | "connecting" | "playing" | "stalled" | "waiting";

export interface Player {
  readonly state: ReadonlySignal<PlayerState>;
  /** Ms from the watch request to the first frame of the present connection; 0 = none yet. */
  readonly firstFrameMs: ReadonlySignal<number>;
  readonly muted: ReadonlySignal<boolean>;
  /** The browser refused even muted autoplay: the viewer must tap. */
  readonly needsTap: ReadonlySignal<boolean>;
  /** "landscape" or "portrait" once a frame is known. */
  readonly shape: ReadonlySignal<"landscape" | "portrait" | "">;
  /** Whether this browser can play at all. */
  readonly supported: boolean;
  /** Plays into the video; still keeps the last frame over the seam between two connections. */
  attach(video: HTMLVideoElement, still?: HTMLCanvasElement): () => void;
  /** Call in a tap handler: sound on (or off) and playing. */
  setMuted(muted: boolean): void;
  /** Call for every push and, with the stage of the welcome, at every welcome. */
  onPush(message: PushMessage): void;
  onWelcome(stage: StageInfo): void;
}

const stallAfterMs = 1000; // shorter gaps are nobody's business
const rewatchAfterMs = 8000; // of standing still although the stage is live
const disconnectedMs = 4000; // ICE often mends itself within this
const tickMs = 500;

/** createPlayer makes the page's player; it does nothing until attach. */
export function createPlayer(socket: Socket): Player {
  return new PeerPlayer(socket);
}

/** One RTCPeerConnection and what belongs to it. */
interface Session {
  media: string;
  pc: RTCPeerConnection;
  stream: MediaStream;
  askedAt: number;
  answered: boolean;
  early: RTCIceCandidate[]; // gathered before the server had our answer
}

class PeerPlayer implements Player {
  readonly state = signal<PlayerState>("idle");
  readonly firstFrameMs = signal(0);
  readonly muted = signal(true);
  readonly needsTap = signal(false);
  readonly shape = signal<"landscape" | "portrait" | "">("");
  readonly supported = typeof RTCPeerConnection === "function";

  private video: HTMLVideoElement | undefined;
  private still: HTMLCanvasElement | undefined;
  private stageLive = false;
  private hasVideo = true;
  private now: Session | undefined; // owns the screen
  private next: Session | undefined; // being set up
  private asking = false;
  private attempt = 0;
  private lastFrameAt = 0;
  private lastTime = 0; // currentTime, the pulse of a stage that sends no video
  private retryTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly socket: Socket) {}

  attach(video: HTMLVideoElement, still?: HTMLCanvasElement): () => void {
    if (!this.supported) return () => {};
    this.video = video;
    this.still = still;
    this.onFrame(video);
    video.onresize = () => {
      this.shape.value = video.videoWidth > video.videoHeight ? "landscape" : "portrait";
    };
    const onVisible = () => document.visibilityState === "visible" && this.play();
    document.addEventListener("visibilitychange", onVisible);
    document.addEventListener("WeixinJSBridgeReady", onVisible);
    const ticker = setInterval(() => this.tick(), tickMs);
    const stopEffect = effect(() => {
      if (this.socket.state.value === "open") queueMicrotask(() => this.consider());
    });
    return () => {
      stopEffect();
      clearInterval(ticker);
      document.removeEventListener("visibilitychange", onVisible);
      document.removeEventListener("WeixinJSBridgeReady", onVisible);
      this.stop();
      this.video = undefined;
    };
  }

  setMuted(muted: boolean): void {
    this.muted.value = muted;
    this.play();
  }

  onWelcome(stage: StageInfo): void {
    // The old socket took the server's half of the connection with it, or soon will.
    if (this.now) queueMicrotask(() => void this.watch());
    this.setStage(stage);
  }

  onPush(m: PushMessage): void {
    if (m.t === "stage") this.setStage(m.d);
    if (m.t === "media.gone") this.onGone(m.d.media, m.d.reason);
  }

  private setStage(stage: StageInfo): void {
    const came = stage.live && !this.stageLive;
    this.stageLive = stage.live;
    this.hasVideo = stage.video !== "" || stage.audio === "";
    if (!stage.live) this.state.value = "waiting";
    else if (came) {
      // A publisher that returns is spliced into our tracks: give its frames a moment.
      this.lastFrameAt = performance.now();
      this.attempt = 0;
      if (this.state.value === "waiting") this.state.value = this.now ? "stalled" : "connecting";
      queueMicrotask(() => this.consider());
    }
  }

  private consider(): void {
    if (this.video && this.stageLive && !this.now && !this.next) void this.watch();
  }

  // ---- setting up

  private async watch(): Promise<void> {
    if (this.asking || !this.video || this.socket.state.value !== "open") return;
    clearTimeout(this.retryTimer);
    this.discard(this.next);
    this.asking = true;
    if (!this.now && this.stageLive) this.state.value = "connecting";
    const askedAt = performance.now();
    try {
      await this.answer(await this.socket.call("watch", {}), askedAt);
    } catch {
      this.discard(this.next);
      this.retry(); // "no_media" as well: a stage push may already be on its way
    } finally {
      this.asking = false;
    }
  }

  private async answer(offer: Offer, askedAt: number): Promise<void> {
    const pc = new RTCPeerConnection();
    const s: Session = {
      media: offer.media,
      pc,
      stream: new MediaStream(),
      askedAt,
      answered: false,
      early: [],
    };
    this.next = s;
    pc.ontrack = (e) => s.stream.addTrack(e.track);
    pc.onicecandidate = (e) => e.candidate && this.trickle(s, e.candidate);
    pc.onconnectionstatechange = () => this.onConnection(s);
    await pc.setRemoteDescription({ type: "offer", sdp: offer.sdp });
    await pc.setLocalDescription(await pc.createAnswer());
    await this.socket.call("answer", { media: s.media, sdp: pc.localDescription?.sdp ?? "" });
    s.answered = true;
    for (const candidate of s.early.splice(0)) this.trickle(s, candidate);
    if (!this.now) this.takeScreen(s);
  }

  private trickle(s: Session, c: RTCIceCandidate): void {
    if (!s.answered) return void s.early.push(c);
    const d = { media: s.media, candidate: c.candidate, mid: c.sdpMid ?? "" };
    this.socket.call("candidate", d).catch(() => {}); // the connection ends or works without it
  }

  private onConnection(s: Session): void {
    const state = s.pc.connectionState;
    if (state === "connected" && s === this.next) this.takeScreen(s);
    if (state === "failed" || state === "closed") this.onGone(s.media, "failed");
    if (state !== "disconnected") return;
    setTimeout(
      () => s.pc.connectionState === "disconnected" && this.onGone(s.media, "failed"),
      disconnectedMs,
    );
  }

  private takeScreen(s: Session): void {
    if (!this.video || s !== this.next) return;
    this.freeze();
    const old = this.now;
    this.now = s;
    this.next = undefined;
    this.discard(old);
    this.firstFrameMs.value = 0;
    this.lastFrameAt = performance.now();
    this.video.srcObject = s.stream;
    this.play();
  }

  // ---- on the screen

  private play(): void {
    const video = this.video;
    if (!video) return;
    video.muted = this.muted.value;
    video.play().then(
      () => {
        this.needsTap.value = false;
      },
      (e: DOMException) => {
        if (e.name !== "NotAllowedError") return; // interrupted by a new source: that one plays
        if (!this.muted.value) this.setMuted(true);
        else this.needsTap.value = true;
      },
    );
  }

  private onFrame(video: HTMLVideoElement): void {
    if (!video.requestVideoFrameCallback) {
      video.ontimeupdate = () => this.pulse();
      return;
    }
    const next = () => {
      if (this.video !== video) return;
      this.pulse();
      video.requestVideoFrameCallback(next);
    };
    video.requestVideoFrameCallback(next);
  }

  private pulse(): void {
    const s = this.now;
    this.lastFrameAt = performance.now();
    if (!s) return;
    if (this.stageLive) this.state.value = "playing";
    if (this.firstFrameMs.value > 0) return;
    this.firstFrameMs.value = Math.max(1, Math.round(this.lastFrameAt - s.askedAt));
    this.attempt = 0;
    this.still?.classList.remove("is-shown");
    const d = { media: s.media, first_frame_ms: this.firstFrameMs.value };
    this.socket.call("playing", d).catch(() => {}); // a statistic only
  }

  private freeze(): void {
    const { video, still } = this;
    if (!video?.videoWidth || !still) return;
    still.width = video.videoWidth;
    still.height = video.videoHeight;
    still.getContext("2d")?.drawImage(video, 0, 0);
    still.classList.add("is-shown");
  }

  private tick(): void {
    const { video } = this;
    if (!video || document.hidden || !this.stageLive) return;
    if (!this.hasVideo && video.currentTime > this.lastTime) this.pulse();
    this.lastTime = video.currentTime;
    if (!this.now) return;
    const silentMs = performance.now() - this.lastFrameAt;
    if (silentMs > stallAfterMs && this.state.value === "playing") this.state.value = "stalled";
    if (silentMs > rewatchAfterMs && !this.next && !this.needsTap.value) {
      this.lastFrameAt = performance.now(); // one attempt per spell
      void this.watch();
    }
  }

  // ---- ending

  private onGone(media: string, reason: string): void {
    if (this.next?.media === media) {
      this.discard(this.next);
      return this.retry();
    }
    if (this.now?.media !== media) return;
    this.freeze();
    this.discard(this.now);
    this.state.value = this.stageLive && reason !== "show_ended" ? "stalled" : "waiting";
    this.retry();
  }

  private retry(): void {
    clearTimeout(this.retryTimer);
    const ms = this.attempt === 0 ? 200 : backoffMs(this.attempt - 1);
    this.attempt++;
    this.retryTimer = setTimeout(() => {
      if (this.stageLive && (!this.now || this.state.value === "stalled")) void this.watch();
    }, ms);
  }

  private discard(s: Session | undefined): void {
    if (!s) return;
    if (this.now === s) this.now = undefined;
    if (this.next === s) this.next = undefined;
    s.pc.onconnectionstatechange = null;
    s.pc.close();
    if (this.socket.state.value === "open") this.socket.call("unwatch", { media: s.media }).catch(() => {});
  }

  private stop(): void {
    clearTimeout(this.retryTimer);
    this.discard(this.next);
    this.discard(this.now);
    this.state.value = "idle";
  }
}
