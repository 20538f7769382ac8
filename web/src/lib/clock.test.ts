import assert from "node:assert/strict";
import { test } from "node:test";
import { serverNow, setServerClock } from "./clock";
import { newKey } from "./ulid";

test("keys are made by the server's clock, however wrong ours is", () => {
  const threeHours = 3 * 3_600_000;
  setServerClock(Date.now() - threeHours); // our clock is three hours fast
  assert.ok(Math.abs(serverNow() + threeHours - Date.now()) < 1000);
  assert.ok(newKey() < newKey(Date.now() - threeHours + 60_000), "a key from the future would be refused");
  assert.ok(newKey() > newKey(Date.now() - threeHours - 60_000));
});
