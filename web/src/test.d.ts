// The little of Node's test runner that tests here use; the whole of @types/node would
// give browser code a `process` and a `Buffer` that are not there.
declare module "node:test" {
  interface Timers {
    enable(options: { apis: ("setTimeout" | "setInterval" | "Date")[]; now?: number }): void;
    tick(ms: number): void;
    reset(): void;
  }
  export const mock: { timers: Timers };
  export function test(name: string, body: () => void | Promise<void>): void;
  export function beforeEach(body: () => void): void;
  export function afterEach(body: () => void): void;
}
declare module "node:assert/strict" {
  const assert: {
    equal(actual: unknown, expected: unknown, message?: string): void;
    deepEqual(actual: unknown, expected: unknown, message?: string): void;
    ok(value: unknown, message?: string): asserts value;
    rejects(promise: Promise<unknown>, check: (e: unknown) => boolean): Promise<void>;
  };
  export default assert;
}
