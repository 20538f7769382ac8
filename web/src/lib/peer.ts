// One connection to the stage: the server's offer answered, candidates trickled, the
// page's wish told, what arrives counted. Which of them has the screen, and when to ask
// for another, is player.ts.
import type { Offer } from "./protocol";
import type { CallError, Socket } from "./socket";

/** What a page asks of the picture: the best that arrives, the smallest, or none. */
export type Wish = "auto" | "low" | "off";

const connectWithinMs = 15_000; // where UDP is blocked, ICE finds the way over TCP well before
const queueWithinMs = 45_000; // ICE is up: the handshake waits for its turn in a crowd

/** When packets of a kind last came, in ms of performance.now(), and how many so far. */
export class Arrivals {
  at = Number.NEGATIVE_INFINITY;
  private seen = 0;

  /** Takes a new count; true when it has grown. */
  count(n: number): boolean {
    const more = n > this.seen;
    this.seen = n;
    if (more) this.at = performance.now();
    return more;
  }
}

/** One RTCPeerConnection and what belongs to it. */
export class Peer {
  readonly media: string;
  readonly pc = new RTCPeerConnection();
  /** Both tracks, and sound alone: a browser plays no sound beside a picture that has not begun. */
  readonly all = new MediaStream();
  readonly sound = new MediaStream();
  readonly heard = new Arrivals();
  readonly seen = new Arrivals();
  readonly decoded = new Arrivals();
  /** Something of it was shown or heard. */
  begun = false;

  private answered = false;
  private readonly early: RTCIceCandidate[] = []; // gathered before the server had our answer
  private told: Wish | undefined = "auto"; // undefined = not known whether the server heard it

  constructor(
    private readonly socket: Socket,
    private readonly offer: Offer,
    private readonly askedAt: number,
  ) {
    this.media = offer.media;
    this.pc.ontrack = ({ track }) => {
      this.all.addTrack(track);
      if (track.kind === "audio") this.sound.addTrack(track);
    };
    this.pc.onicecandidate = (e) => e.candidate && this.trickle(e.candidate);
  }

  /** Answers the offer; throws when browser or server cannot. */
  async answer(): Promise<void> {
    const { media, pc, socket } = this;
    await pc.setRemoteDescription({ type: "offer", sdp: this.offer.sdp });
    await pc.setLocalDescription(await pc.createAnswer());
    await socket.call("answer", { media, sdp: pc.localDescription?.sdp ?? "" });
    this.answered = true;
    for (const candidate of this.early.splice(0)) this.trickle(candidate);
  }

  /** Tells the server what is wanted, unless it knows. */
  tell(video: Wish): void {
    if (this.told === video) return;
    this.told = video;
    this.socket.call("media.want", { media: this.media, video }).catch((e: CallError) => {
      if (e.code === "rate_limited" || e.code === "timeout") this.told = undefined;
    });
  }

  /** Counts what has come so far. */
  async count(): Promise<void> {
    for (const r of (await this.pc.getStats()).values()) {
      if (r.type !== "inbound-rtp") continue;
      if (r.kind === "audio") this.heard.count(r.packetsReceived);
      else {
        this.seen.count(r.packetsReceived);
        this.decoded.count(r.framesDecoded ?? 0);
      }
    }
  }

  /** Says once that it plays, for the server's statistics and the visit that counts from now. */
  begin(): void {
    if (this.begun) return;
    this.begun = true;
    const ms = Math.max(1, Math.round(performance.now() - this.askedAt));
    this.socket.call("playing", { media: this.media, first_frame_ms: ms }).catch(() => {});
  }

  get up(): boolean {
    return this.pc.connectionState === "connected";
  }

  /** It should have been up by now. */
  get overdue(): boolean {
    const found = /connected|completed/.test(this.pc.iceConnectionState);
    const limitMs = found ? queueWithinMs : connectWithinMs;
    return !this.up && performance.now() - this.askedAt > limitMs;
  }

  close(): void {
    this.pc.onconnectionstatechange = null;
    this.pc.close();
    if (this.socket.state.value !== "open") return;
    this.socket.call("unwatch", { media: this.media }).catch(() => {});
  }

  private trickle(c: RTCIceCandidate): void {
    if (!this.answered) return void this.early.push(c);
    const d = { media: this.media, candidate: c.candidate, mid: c.sdpMid ?? "" };
    this.socket.call("candidate", d).catch(() => {}); // the connection ends or works without it
  }
}
