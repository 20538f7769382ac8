import assert from "node:assert/strict";
import { test } from "node:test";
import { formatCount, formatDuration } from "./i18n";
import { formatMoney, parseMoney, plainMoney, setCurrency } from "./money";
import { newKey } from "./ulid";

test("money is written with the currency's digits", () => {
  setCurrency("CNY", 2);
  assert.equal(formatMoney(19900), "¥199.00");
  assert.equal(formatMoney(19900, { short: true }), "¥199");
  assert.equal(formatMoney(19905, { short: true }), "¥199.05");
  assert.equal(formatMoney(1), "¥0.01");
  assert.equal(formatMoney(123456789012345), "¥1,234,567,890,123.45");
  setCurrency("JPY", 0);
  assert.equal(formatMoney(1980), "¥1,980");
  assert.equal(plainMoney(1980), "1980");
});

test("amounts are read exactly or not at all", () => {
  setCurrency("CNY", 2);
  const cases: [string, number | null][] = [
    ["199", 19900],
    ["199.", 19900],
    [" 199.9 ", 19990],
    ["¥1,299.05", 129905],
    ["0.07", 7],
    ["19.999", null],
    ["-5", null],
    ["1e3", null],
    ["", null],
    ["9".repeat(13), null],
  ];
  for (const [text, minor] of cases) assert.equal(parseMoney(text), minor, text);
  for (const minor of [0, 1, 7, 99, 100, 12345, 99999999]) assert.equal(parseMoney(plainMoney(minor)), minor);
  setCurrency("JPY", 0);
  assert.equal(parseMoney("12.5"), null);
});

test("spans and counts are short", () => {
  assert.equal(formatDuration(-1), "0:00");
  assert.equal(formatDuration(899_999), "14:59");
  assert.equal(formatDuration(3_845_000), "1:04:05");
  assert.equal(formatCount(999), "999");
  assert.equal(formatCount(12_384), "12.4K");
});

test("keys are ULIDs that sort by time", () => {
  const keys = Array.from({ length: 200 }, (_, i) => newKey(1_700_000_000_000 + i));
  assert.ok(keys.every((key) => /^[0-7][0-9A-HJKMNP-TV-Z]{25}$/.test(key)));
  assert.deepEqual([...keys].sort(), keys);
  assert.equal(new Set(keys).size, keys.length);
  assert.equal(newKey(1_469_918_176_385).slice(0, 10), "01ARYZ6S41");
});
