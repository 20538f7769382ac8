import assert from "node:assert/strict";
import { test } from "node:test";
import { nextState, type PlayerState, type Signs } from "./screen";

const never = Number.POSITIVE_INFINITY;
/** A picture that plays well. */
const well: Signs = { away: false, soundOnly: false, begun: true, frameMs: 30, soundMs: 20, waitMs: 30 };
const stood = (ms: number, more: Partial<Signs> = {}): Signs => ({
  ...well,
  frameMs: ms,
  soundMs: ms,
  waitMs: ms,
  ...more,
});

test("a page that has just come connects, and knows at once when HQ is away", () => {
  const first = { begun: false, frameMs: never, soundMs: never, waitMs: never };
  assert.equal(nextState("connecting", { ...well, ...first }), "connecting");
  assert.equal(nextState("connecting", { ...well, ...first, away: true }), "away");
  assert.equal(nextState("connecting", { ...well, ...first, waitMs: 500, away: true }), "connecting");
});

test("gaps under a second are nobody's business", () => {
  for (const away of [false, true]) assert.equal(nextState("playing", stood(900, { away })), "playing");
  assert.equal(nextState("playing", stood(1100)), "stalled");
});

test("the slate comes after a second without HQ, and goes with the first frame", () => {
  assert.equal(nextState("playing", stood(1000, { away: true })), "away");
  assert.equal(nextState("stalled", stood(4000, { away: true })), "away");
  assert.equal(nextState("away", well), "playing");
  assert.equal(
    nextState("away", { ...well, away: true }),
    "playing",
    "the picture is believed before the word",
  );
});

test("HQ's return does not lift the slate before its picture comes", () => {
  assert.equal(nextState("away", stood(9000, { waitMs: 300 })), "away");
  assert.equal(nextState("away", stood(9000, { waitMs: 1200 })), "stalled");
});

test("sound that goes on without its picture is listened to after a while", () => {
  const alone = (ms: number) => stood(ms, { soundMs: 100 });
  assert.equal(nextState("playing", alone(2000)), "stalled");
  assert.equal(nextState("stalled", alone(3100)), "listening");
  assert.equal(nextState("listening", { ...alone(9000), waitMs: 1500 }), "listening");
  assert.equal(nextState("listening", well), "playing");
  assert.equal(nextState("listening", stood(9000, { soundMs: 2000 })), "stalled");
});

test("who wants sound alone listens from the first packet on", () => {
  const wished = { soundOnly: true, frameMs: never, waitMs: never };
  assert.equal(nextState("connecting", { ...well, ...wished, begun: false, soundMs: never }), "connecting");
  assert.equal(nextState("connecting", { ...well, ...wished, begun: false, soundMs: 20 }), "listening");
  assert.equal(nextState("playing", { ...well, soundOnly: true }), "listening");
  assert.equal(nextState("listening", { ...well, ...wished, soundMs: 3000 }), "stalled");
  assert.equal(nextState("listening", { ...well, ...wished, soundMs: 3000, away: true }), "away");
});

test("without a sign of life no state claims one, whatever came before", () => {
  const states: PlayerState[] = ["connecting", "playing", "stalled", "away", "listening"];
  for (const was of states) {
    for (const away of [false, true]) {
      for (const soundOnly of [false, true]) {
        const now = nextState(was, stood(5000, { away, soundOnly }));
        assert.equal(now, away ? "away" : "stalled");
      }
    }
  }
});
