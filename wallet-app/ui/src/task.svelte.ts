// One story at a time, as a screen shows it: what is waited for, that it takes longer than usual, and how it failed.

import { call, Failed } from "./backend";
import type { Failure, Localized } from "./commands.gen";
import { heard } from "./wallet.svelte";
import { words } from "./words";

/** After so long a wait says that it is slower than usual, and what for. */
export const SLOW_MS = 10_000;
/** How often the wallet is then asked who is waited for. */
const ASK_MS = 2_000;

export class Task {
  what = $state<Localized | null>(null);
  slow = $state<Localized | null>(null);
  failure = $state<Failure | null>(null);

  get busy(): boolean {
    return this.what !== null;
  }

  /** Runs a story; `undefined` when it failed. A second one while one runs is not begun. */
  async run<T>(what: Localized, story: () => Promise<T>): Promise<T | undefined> {
    if (this.busy) return undefined;
    this.what = what;
    this.slow = null;
    this.failure = null;
    let timer = setTimeout(() => void look(), SLOW_MS);
    const look = async (): Promise<void> => {
      this.slow ??= words.slower;
      // Who is waited for, as far as the wallet knows.
      const told = await call("progress", {}).catch(() => null);
      if (!this.busy) return;
      if (told) this.slow = told.sentence;
      timer = setTimeout(() => void look(), ASK_MS);
    };
    try {
      return await story();
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
