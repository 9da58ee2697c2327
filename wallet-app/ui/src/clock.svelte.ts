// What time it is, a second at a time, for everything that ages or runs out on a screen.

const clock = $state({ now: Date.now() });
setInterval(() => (clock.now = Date.now()), 1000);

/** Milliseconds since 1970. */
export function now(): number {
  return clock.now;
}
