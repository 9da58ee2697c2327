// How the interface reaches the wallet. Only this folder knows by what: the application's commands or, for the pilot, a bridge on loopback.
// Which one is chosen when the interface is built, so that neither has a byte of the other.

import transport from "#transport";
import { type Commands, type Failure, LIMIT_SECONDS, type LinkRead } from "../commands.gen";
import { words } from "../words";

/** What is saved as a file. */
export type Contents = Uint8Array<ArrayBuffer> | string;

/** What a way to reach the wallet has to do. A call that the wallet refused ends with what it said. */
export type Transport = {
  begin(): Promise<void>;
  call(name: string, input: unknown): Promise<unknown>;
  open(url: string): void;
  save(name: string, contents: Contents, type: string): Promise<string>;
  links(show: (link: LinkRead) => void): void;
};

/** What a command ended with. */
export class Failed extends Error {
  readonly failure: Failure;
  constructor(failure: Failure) {
    super(failure.slug);
    this.failure = failure;
  }
}

/** A command ends by itself before; this is for a wallet that is gone. */
const LIMIT_MS = (LIMIT_SECONDS + 30) * 1000;

async function heard(story: Promise<unknown>): Promise<unknown> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const gone = new Promise<never>((_, refuse) => (timer = setTimeout(refuse, LIMIT_MS)));
  try {
    return await Promise.race([story, gone]);
  } catch (why) {
    throw new Failed(isFailure(why) ? why : away());
  } finally {
    clearTimeout(timer);
  }
}

function isFailure(answer: unknown): answer is Failure {
  return typeof answer === "object" && answer !== null && "slug" in answer && "sentence" in answer;
}

function away(): Failure {
  return { slug: "wallet-away", side: "wallet", sentence: words.walletAway, attempts_left: null, wait_seconds: null };
}

/** Begins to speak with the wallet. */
export async function begin(): Promise<void> {
  await heard(transport.begin());
}

/** Calls a command of the wallet. */
export async function call<C extends keyof Commands>(name: C, input: Commands[C]["input"]): Promise<Commands[C]["output"]> {
  return (await heard(transport.call(name, input))) as Commands[C]["output"];
}

/** Saves a file of the person's own. Where, if this is not the browser's to say; it never takes the place of another. */
export async function save(name: string, contents: Contents, type: string): Promise<string> {
  return (await heard(transport.save(name, contents, type))) as string;
}

/** Opens an address in a browser. */
export function open(url: string): void {
  transport.open(url);
}

/** Shows each link that this interface was opened by. */
export function links(show: (link: LinkRead) => void): void {
  transport.links(show);
}
