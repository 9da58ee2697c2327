// One story at a time, as a screen shows it: what is waited for, that it takes longer than usual, and how it failed.

import { onDestroy } from "svelte";
import { Failed } from "./backend";
import type { Failure, Localized } from "./commands.gen";
import { heard } from "./wallet.svelte";

/** After so long a wait says that it is slower than usual, and what for. */
export const SLOW_MS = 10_000;

export class Task {
  what = $state<Localized | null>(null);
  slow = $state(false);
  failure = $state<Failure | null>(null);
  #left = false;

  constructor() {
    onDestroy(() => (this.#left = true));
  }

  get busy(): boolean {
    return this.what !== null;
  }

  /**
   * Runs a story; `undefined` when it failed, or when the screen was left before it ended: what comes late opens nothing. A second one
   * while one runs is not begun.
   */
  async run<T>(what: Localized, story: () => Promise<T>): Promise<T | undefined> {
    if (this.busy) return undefined;
    this.what = what;
    this.slow = false;
    this.failure = null;
    const timer = setTimeout(() => (this.slow = true), SLOW_MS);
    try {
      const told = await story();
      return this.#left ? undefined : told;
    } catch (error) {
      if (!(error instanceof Failed)) throw error;
      if (!heard(error.failure)) this.failure = error.failure;
      return undefined;
    } finally {
      clearTimeout(timer);
      this.what = null;
    }
  }
}
