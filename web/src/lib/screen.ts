// What a player's screen is doing, told from what has come and when. One machine for the
// room's stage and the studio's return picture:
//
//   idle ──attach──► connecting ──► playing ◄──► stalled
//                        │             ▲ ▼
//                        └────► away, listening
//
//   connecting  nothing has been shown or heard yet
//   playing     frames advance
//   stalled     they do not, although HQ's picture reaches the server: it is on the way to us
//   away        nothing comes from HQ: the last frame stays, the slate lies over it
//   listening   sound without a picture: so wished, or all that the way to us carries

export type PlayerState = "idle" | "connecting" | "playing" | "stalled" | "away" | "listening";

/** What a player knows. Spans are in ms, Infinity = never. */
export interface Signs {
  /** HQ's picture and sound do not reach the server. */
  away: boolean;
  /** No picture is asked for. */
  soundOnly: boolean;
  /** Something was shown or heard since the player was attached. */
  begun: boolean;
  /** Since the last frame on the screen. */
  frameMs: number;
  /** Since sound last arrived. */
  soundMs: number;
  /** Since the last frame, or since something new began that brings the next one. */
  waitMs: number;
}

const gapMs = 1000; // shorter ones are nobody's business
const soundGapMs = 1500; // Opus sends a packet every 400 ms even in silence
const thinAfterMs = 3000; // of sound alone: the picture is not merely late

/** nextState is what the screen does now, after `was`. */
export function nextState(was: PlayerState, s: Signs): PlayerState {
  const heard = s.soundMs < soundGapMs;
  if (s.soundOnly && heard) return "listening";
  if (!s.soundOnly && s.frameMs < gapMs) return "playing";
  if (s.waitMs < gapMs) return was;
  if (s.away) return "away";
  if (heard && (was === "listening" || s.waitMs > thinAfterMs)) return "listening";
  return s.begun ? "stalled" : "connecting";
}
