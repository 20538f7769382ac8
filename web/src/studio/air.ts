// Keeps this page on air: opens WHIP sessions one after another for as long as the
// operator wants to publish. Owns the timers and the session; the panel only reads
// the signals and calls goOnAir, takeOver and goOffAir.

import { signal } from "@preact/signals";
import type { StageInfo } from "../lib/protocol";
import { CallError } from "../lib/socket";
import { type AirStats, publish, WhipError, type WhipFault, type WhipSession } from "./whip";

/** "busy": someone else publishes, the operator decides. "failed": trying again would not help. */
export type AirState = "off" | "connecting" | "onair" | "retrying" | "busy" | "failed";

/** What air.ts needs of the rest of the studio. */
export interface AirDeps {
  endpoint: string;
  ticket(takeOver: boolean): Promise<string>;
  /** The stage as the socket last told it, and the server's clock. */
  stage(): StageInfo;
  serverNow(): number;
}

export const air = signal<AirState>("off");
export const airFault = signal<WhipFault | null>(null);
/** The label of whoever publishes instead, for "busy". */
export const airRival = signal("");
export const airStats = signal<AirStats | null>(null);
/** When the next attempt begins (this page's clock), for "retrying". */
export const airRetryAt = signal(0);

const backoffMS = [1000, 2000, 4000, 8000, 15000];
const disconnectedMS = 4000;
const statsMS = 2000;
const limitedAfter = 8; // measurements
/** Two clocks and a push in between: a rival this much younger than us is a rival. */
const slackMS = 1500;
/** Before that an empty stage may be older news than our connection. */
const settledMS = 5000;

let deps: AirDeps;
let media: MediaStream | null = null;
let current: WhipSession | null = null;
let attempts = 0;
let retryTimer = 0;
let statsTimer = 0;
let limitedFor = 0; // measurements in a row
let since = 0; // server's clock when the present or last session began
let generation = 0; // an older attempt that finishes late must not win

/** Wires air.ts to the socket. Call once. */
export function setupAir(d: AirDeps): void {
  deps = d;
  addEventListener("pagehide", () => current?.close());
  addEventListener("online", () => {
    if (air.value === "retrying") void attempt(false);
  });
}

/** Begins to publish and keeps at it. */
export function goOnAir(of: MediaStream): void {
  media = of;
  attempts = 0;
  since = 0;
  void attempt(false);
}

/** Pushes the present publisher out and begins to publish. */
export function takeOver(of: MediaStream): void {
  media = of;
  attempts = 0;
  since = 0;
  void attempt(true);
}

/** Stops publishing for good. */
export function goOffAir(): void {
  media = null;
  drop();
  air.value = "off";
  airFault.value = null;
}

/** Puts other tracks on air without a gap, or with a short one when their kinds differ. */
export async function swapMedia(next: MediaStream): Promise<void> {
  if (!media) return;
  media = next;
  if (!current) return;
  const swapped = await current.replace(next).catch(() => false);
  if (!swapped) void attempt(false);
}

/** Tells air.ts how the stage stands: it gives way to a younger publisher, and comes back when the server has lost us. */
export function stageChanged(stage: StageInfo): void {
  if (air.value !== "onair") return;
  if (younger(stage)) giveWay(stage.source);
  else if (!stage.live && deps.serverNow() - since > settledMS) lost();
}

async function attempt(over: boolean): Promise<void> {
  if (!media) return;
  if (!over && younger(deps.stage())) return giveWay(deps.stage().source);
  drop();
  const mine = ++generation;
  air.value = "connecting";
  airFault.value = null;
  try {
    const bearer = await deps.ticket(over);
    if (mine !== generation || !media) return;
    const opened = await publish(deps.endpoint, bearer, media);
    if (mine !== generation || !media) return opened.close();
    adopt(opened, mine);
  } catch (err) {
    if (mine === generation) judge(err);
  }
}

function adopt(opened: WhipSession, mine: number): void {
  current = opened;
  since = deps.serverNow();
  const { pc } = opened;
  const changed = () => {
    if (mine !== generation) return;
    if (pc.connectionState === "connected") connected();
    if (pc.connectionState === "failed" || pc.connectionState === "closed") lost();
    if (pc.connectionState === "disconnected") lostUnlessBack(pc, mine);
  };
  pc.addEventListener("connectionstatechange", changed);
  changed();
}

function connected(): void {
  air.value = "onair";
  attempts = 0;
  since = deps.serverNow();
  clearInterval(statsTimer);
  limitedFor = 0;
  statsTimer = window.setInterval(() => void measure(), statsMS);
}

async function measure(): Promise<void> {
  const from = current;
  const stats = await from?.stats();
  if (!stats || from !== current) return;
  // Every encoder starts low and climbs; only what lasts is worth a word.
  limitedFor = stats.limited === "none" ? 0 : limitedFor + 1;
  airStats.value = limitedFor < limitedAfter ? { ...stats, limited: "none" } : stats;
}

function lostUnlessBack(pc: RTCPeerConnection, mine: number): void {
  setTimeout(() => {
    if (mine === generation && pc.connectionState === "disconnected") lost();
  }, disconnectedMS);
}

/** The connection broke. If somebody younger holds the stage we were pushed out and do not fight. */
function lost(): void {
  const stage = deps.stage();
  if (younger(stage)) return giveWay(stage.source);
  drop();
  retryLater();
}

function judge(err: unknown): void {
  drop();
  const refused = err instanceof CallError && ["forbidden", "unauthorized"].includes(err.code);
  const whip = err instanceof WhipError ? err : new WhipError(refused ? "denied" : "retry", String(err));
  if (whip.fault === "busy") return giveWay(deps.stage().source || whip.detail);
  if (whip.fault === "retry") return retryLater();
  airFault.value = whip.fault;
  air.value = "failed";
}

function giveWay(rival: string): void {
  drop();
  airRival.value = rival;
  air.value = "busy";
}

function retryLater(): void {
  const base = backoffMS[Math.min(attempts++, backoffMS.length - 1)] ?? 15000;
  const wait = base * (0.8 + Math.random() * 0.4);
  air.value = "retrying";
  airRetryAt.value = Date.now() + wait;
  retryTimer = window.setTimeout(() => void attempt(false), wait);
}

function younger(stage: StageInfo): boolean {
  return stage.live && since > 0 && stage.since_ms > since + slackMS;
}

function drop(): void {
  generation++;
  clearTimeout(retryTimer);
  clearInterval(statsTimer);
  airStats.value = null;
  current?.close();
  current = null;
}
