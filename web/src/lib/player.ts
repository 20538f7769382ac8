// What the page's one <video> plays. Owns the peer connections: at most one has the
// screen and one is being set up to follow it. What the screen does is a state of
// screen.ts.
//
// It asks to watch again when the server ends the connection, ICE fails, nothing comes
// for too long, or the socket resumed. The new connection takes the screen only when it
// is up, so a living old one plays on. HQ's absence ends no connection.
//
// A tab that nobody sees gets no picture after a few seconds; its sound goes on.
import { effect, type ReadonlySignal, signal } from "@preact/signals";
import { Peer, type Wish } from "./peer";
import type { PushMessage, StageInfo } from "./protocol";
import { nextState, type PlayerState } from "./screen";
import { backoffMs, type Socket } from "./socket";

export type { Wish } from "./peer";

export interface Player {
  readonly state: ReadonlySignal<PlayerState>;
  readonly muted: ReadonlySignal<boolean>;
  /** The browser refused even muted autoplay: the viewer must tap. */
  readonly needsTap: ReadonlySignal<boolean>;
  /** "landscape" or "portrait" once a frame is known. */
  readonly shape: ReadonlySignal<"landscape" | "portrait" | "">;
  readonly wish: ReadonlySignal<Wish>;
  /** Whether this browser can play at all. */
  readonly supported: boolean;
  /** Plays into the video; still keeps the last frame over the seam between two connections. */
  attach(video: HTMLVideoElement, still?: HTMLCanvasElement): () => void;
  /** Call in a tap handler: sound on (or off) and playing. */
  setMuted(muted: boolean): void;
  setWish(wish: Wish): void;
  /** Call for every push and, with the stage of the welcome, at every welcome. */
  onPush(message: PushMessage): void;
  onWelcome(stage: StageInfo): void;
}

const tickMs = 250;
const sleepAfterMs = 5000; // a glance at another tab costs no picture
const rewatchAfterMs = 8000; // of nothing although HQ's picture reaches the server
const disconnectedMs = 4000; // ICE often mends itself within this
const stoppedMs = 2000; // packets of a kind that do not come for so long have stopped
const never = Number.NEGATIVE_INFINITY;
const since = (at: number) => performance.now() - at;

/** createPlayer makes the page's player; it does nothing until attach. */
export function createPlayer(socket: Socket, wish: Wish = "auto"): Player {
  return new PeerPlayer(socket, wish);
}

class PeerPlayer implements Player {
  readonly state = signal<PlayerState>("idle");
  readonly muted = signal(true);
  readonly needsTap = signal(false);
  readonly shape = signal<"landscape" | "portrait" | "">("");
  readonly wish = signal<Wish>("auto");
  readonly supported = typeof RTCPeerConnection === "function";

  private video: HTMLVideoElement | undefined;
  private still: HTMLCanvasElement | undefined;
  private countsFrames = false; // the browser tells of every frame on the screen
  private live = false; // a publisher is on the stage
  private away = false; // nothing comes from it
  private asleep = false; // nobody sees this tab
  private sleepTimer: ReturnType<typeof setTimeout> | undefined;

  private now: Peer | undefined; // has the screen
  private next: Peer | undefined; // being set up
  private asking = false;
  private attempt = 0; // watches in a row that brought nothing
  private retryTimer: ReturnType<typeof setTimeout> | undefined;

  // In ms of performance.now().
  private frameAt = never;
  private soundAt = never;
  private waitFrom = never; // something new began that brings the next frame
  private begun = false; // something was shown or heard since attach

  constructor(
    private readonly socket: Socket,
    wish: Wish,
  ) {
    this.wish.value = wish;
  }

  attach(video: HTMLVideoElement, still?: HTMLCanvasElement): () => void {
    if (!this.supported) return () => {};
    this.video = video;
    this.still = still;
    this.state.value = "connecting";
    this.refresh();
    this.watchFrames(video);
    video.onresize = () => {
      if (video.videoWidth)
        this.shape.value = video.videoWidth > video.videoHeight ? "landscape" : "portrait";
    };
    const detached = new AbortController();
    const on = { signal: detached.signal };
    document.addEventListener("visibilitychange", () => this.onVisibility(), on);
    document.addEventListener("WeixinJSBridgeReady", () => this.play(), on);
    video.addEventListener("leavepictureinpicture", () => this.onVisibility(), on);
    if (document.hidden) this.onVisibility();
    const ticker = setInterval(() => this.tick(), tickMs);
    const stopEffect = effect(() => {
      if (this.socket.state.value === "open") queueMicrotask(() => this.consider());
    });
    return () => {
      stopEffect();
      clearInterval(ticker);
      detached.abort();
      this.stop();
    };
  }

  setMuted(muted: boolean): void {
    this.muted.value = muted;
    this.play();
  }

  setWish(wish: Wish): void {
    if (wish === this.wish.value) return;
    this.wish.value = wish;
    if (this.state.value === "playing") this.soundAt = performance.now(); // it goes on
    this.wishChanged();
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
    const wasAway = this.away;
    this.live = stage.live;
    this.away = !stage.live || stage.away;
    if (wasAway && !this.away) {
      // A publisher that returns is spliced into our tracks: give its frames a moment.
      this.waitFrom = performance.now();
      this.attempt = 0;
    }
    this.refresh();
    queueMicrotask(() => this.consider());
  }

  private consider(): void {
    if (this.video && this.live && !this.now && !this.next) void this.watch();
  }

  // ---- what is wanted

  private get wanted(): Wish {
    return this.asleep ? "off" : this.wish.value;
  }

  private onVisibility(): void {
    clearTimeout(this.sleepTimer);
    if (document.hidden && document.pictureInPictureElement !== this.video) {
      this.sleepTimer = setTimeout(() => this.sleep(true), sleepAfterMs);
      return;
    }
    this.waitFrom = this.soundAt = performance.now(); // nothing was counted meanwhile
    this.sleep(false);
    this.play();
  }

  private sleep(asleep: boolean): void {
    if (asleep === this.asleep) return;
    this.asleep = asleep;
    this.wishChanged();
  }

  private wishChanged(): void {
    const { now, wanted } = this;
    this.next?.tell(wanted);
    now?.tell(wanted);
    // A hidden tab keeps its last frame, so that it is there at once when seen again.
    if (now && wanted !== "off") this.mount(now.all);
    else if (now && !this.asleep) this.mount(now.sound);
    this.refresh();
  }

  // ---- setting up

  private async watch(): Promise<void> {
    if (this.asking || !this.video || this.socket.state.value !== "open") return;
    clearTimeout(this.retryTimer);
    this.discard(this.next);
    this.asking = true;
    const askedAt = performance.now();
    try {
      const peer = new Peer(this.socket, await this.socket.call("watch", {}), askedAt);
      this.next = peer;
      peer.tell(this.wanted); // before the answer: nothing comes that is not wanted
      peer.pc.onconnectionstatechange = () => this.onConnection(peer);
      await peer.answer();
      if (!this.now) this.takeScreen(peer);
    } catch {
      this.discard(this.next);
      this.retry(); // "no_media" as well: a stage push may already be on its way
    } finally {
      this.asking = false;
    }
  }

  private onConnection(peer: Peer): void {
    const state = peer.pc.connectionState;
    if (state === "connected") this.takeScreen(peer);
    if (state === "failed" || state === "closed") this.onGone(peer.media, "failed");
    if (state !== "disconnected") return;
    setTimeout(
      () => peer.pc.connectionState === "disconnected" && this.onGone(peer.media, "failed"),
      disconnectedMs,
    );
  }

  private takeScreen(peer: Peer): void {
    if (!this.video || peer !== this.next) return;
    this.freeze();
    this.discard(this.now);
    this.now = peer;
    this.next = undefined;
    this.waitFrom = performance.now();
    this.mount(this.wanted === "off" ? peer.sound : peer.all);
  }

  // ---- on the screen

  private mount(stream: MediaStream): void {
    if (!this.video || this.video.srcObject === stream) return;
    this.video.srcObject = stream;
    this.play();
  }

  private play(): void {
    const video = this.video;
    if (!video?.srcObject) return;
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

  private watchFrames(video: HTMLVideoElement): void {
    this.countsFrames = typeof video.requestVideoFrameCallback === "function";
    if (!this.countsFrames) return; // poll counts them
    const next = () => {
      if (this.video !== video) return;
      this.pulse();
      video.requestVideoFrameCallback(next);
    };
    video.requestVideoFrameCallback(next);
  }

  /** A frame is on the screen. */
  private pulse(): void {
    this.frameAt = performance.now();
    this.still?.classList.remove("is-shown");
    this.begin();
    this.refresh();
  }

  private begin(): void {
    this.begun = true;
    this.attempt = 0;
    this.now?.begin();
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
    if (!this.video || document.hidden) return;
    const { now } = this;
    now?.tell(this.wanted);
    if (now && (this.state.value !== "playing" || !this.countsFrames)) void this.poll(now);
    this.refresh();
    this.rescue();
  }

  private refresh(): void {
    if (!this.video || document.hidden) return;
    this.state.value = nextState(this.state.value, {
      away: this.away,
      soundOnly: this.wish.value === "off",
      begun: this.begun,
      frameMs: since(this.frameAt),
      soundMs: since(this.soundAt),
      waitMs: since(Math.max(this.frameAt, this.waitFrom)),
    });
  }

  /** Reads what has come over the connection besides frames on the screen. */
  private async poll(peer: Peer): Promise<void> {
    await peer.count();
    if (peer !== this.now) return;
    this.soundAt = Math.max(this.soundAt, peer.heard.at);
    if (!this.countsFrames && since(peer.decoded.at) < tickMs) this.pulse();
    if (this.wanted !== "off") this.mountWhatComes(peer);
    if (this.video?.srcObject === peer.sound && since(this.soundAt) < stoppedMs) this.begin();
  }

  /** Plays the sound alone where no picture comes to begin with. */
  private mountWhatComes(peer: Peer): void {
    const seen = since(peer.seen.at) < stoppedMs;
    const late = since(this.waitFrom) > stoppedMs && since(peer.heard.at) < stoppedMs;
    if (seen) this.mount(peer.all);
    else if (late && !peer.begun) this.mount(peer.sound);
  }

  // ---- ending

  /** Asks for another connection where one brings nothing. */
  private rescue(): void {
    const { now, next } = this;
    if (next?.overdue) this.onGone(next.media, "failed");
    if (!now || next || this.away || this.needsTap.value) return;
    if (!now.up && !now.overdue) return;
    // With sound alone the server spares a thin way, and knows best when it carries more.
    const spared = this.wish.value === "off" || since(now.seen.at) > stoppedMs;
    if (spared && since(this.soundAt) < stoppedMs) return;
    const patienceMs = rewatchAfterMs * 2 ** Math.min(this.attempt, 3);
    if (since(Math.max(this.frameAt, this.waitFrom)) < patienceMs) return;
    this.waitFrom = performance.now(); // one attempt per spell
    this.attempt++;
    void this.watch();
  }

  private onGone(media: string, reason: string): void {
    if (this.next?.media === media) {
      this.discard(this.next);
      return this.retry();
    }
    if (this.now?.media !== media) return;
    this.freeze();
    this.discard(this.now);
    if (reason !== "show_ended") this.retry();
  }

  private retry(): void {
    clearTimeout(this.retryTimer);
    const ms = this.attempt === 0 ? 200 : backoffMs(this.attempt - 1);
    this.attempt++;
    this.retryTimer = setTimeout(() => {
      if (this.live && (!this.now || this.state.value === "stalled")) void this.watch();
    }, ms);
  }

  private discard(peer: Peer | undefined): void {
    if (!peer) return;
    if (this.now === peer) this.now = undefined;
    if (this.next === peer) this.next = undefined;
    peer.close();
  }

  private stop(): void {
    clearTimeout(this.retryTimer);
    clearTimeout(this.sleepTimer);
    this.discard(this.next);
    this.discard(this.now);
    this.video = undefined;
    this.asleep = this.begun = false;
    this.frameAt = this.soundAt = this.waitFrom = never;
    this.state.value = "idle";
  }
}
