// How the interface reaches the wallet. This is the only file that knows by what: now the pilot's bridge on loopback, later the
// commands of the Tauri shell. Nothing else may import a transport.

import type { Commands, Failure } from "./commands.gen";
import { words } from "./words";

/** What a command ended with. */
export class Failed extends Error {
  readonly failure: Failure;
  constructor(failure: Failure) {
    super(failure.slug);
    this.failure = failure;
  }
}

/** The proof of this tab's session: only this page can read it, and the tab forgets it when it is closed. */
const PROOF = "yufu-proof";
/** A command ends by itself after two minutes; this is for a wallet that is gone. */
const LIMIT_MS = 150_000;

async function post(path: string, body: unknown): Promise<unknown> {
  let response: Response;
  try {
    response = await fetch(path, {
      method: "POST",
      headers: { "content-type": "application/json", [PROOF]: sessionStorage.getItem(PROOF) ?? "" },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(LIMIT_MS),
    });
  } catch {
    throw new Failed(away());
  }
  const answer: unknown = await response.json().catch(() => null);
  if (response.ok) return answer;
  throw new Failed(isFailure(answer) ? answer : away());
}

function isFailure(answer: unknown): answer is Failure {
  return typeof answer === "object" && answer !== null && "slug" in answer && "sentence" in answer;
}

function away(): Failure {
  return { slug: "wallet-away", side: "wallet", sentence: words.walletAway, attempts_left: null, wait_seconds: null };
}

/** Begins: exchanges the token of the link that opened this page, if there is one, and takes it out of the address. */
export async function begin(): Promise<void> {
  // A new link to this very page changes nothing but the fragment.
  addEventListener("hashchange", () => location.reload());
  const token = new URLSearchParams(location.hash.slice(1)).get("start");
  if (token === null) return;
  history.replaceState(null, "", location.pathname);
  const started = await post("/start", { token });
  if (typeof started === "object" && started !== null && "proof" in started) {
    sessionStorage.setItem(PROOF, String(started.proof));
  }
}

/** Calls a command of the wallet. */
export async function call<C extends keyof Commands>(name: C, input: Commands[C]["input"]): Promise<Commands[C]["output"]> {
  return (await post(`/commands/${name}`, input)) as Commands[C]["output"];
}

/** Opens an address in a browser. */
export function open(url: string): void {
  window.open(url, "_blank", "noopener,noreferrer");
}
