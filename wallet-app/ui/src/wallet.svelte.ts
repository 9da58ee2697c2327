// What the whole interface knows: how far the wallet is, which screen is open, and the cards as they were last read.

import { tick } from "svelte";
import { begin, call, Failed, links } from "./backend";
import type {
  ConsentView,
  CredentialView,
  DeclarePreview,
  DepartmentView,
  Failure,
  HistoryEntry,
  Language,
  LinkKind,
  LinkRead,
  OfferingView,
  Outcome,
  Status,
} from "./commands.gen";
import { speak } from "./language.svelte";
import { cameBack } from "./returned";

/** A screen, with what it needs. */
export type Screen =
  | { name: "home" }
  | { name: "card"; credential: string }
  | { name: "add"; link?: LinkRead }
  | { name: "offer"; link: string }
  | { name: "consent"; view: ConsentView }
  | { name: "match"; view: ConsentView; acceptUnverified: boolean }
  | { name: "outcome"; outcome: Outcome }
  | { name: "declined"; told: boolean; suspicious: boolean }
  | { name: "activity" }
  | { name: "receipts" }
  | { name: "apply" }
  | { name: "form"; department: DepartmentView; offering: OfferingView }
  | { name: "review"; preview: DeclarePreview }
  | { name: "request"; id: string }
  | { name: "settings" }
  | { name: "devices" }
  | { name: "add_device"; link?: string }
  | { name: "join" }
  | { name: "recovery" }
  | { name: "words" }
  | { name: "guardians" }
  | { name: "rehearse"; by: "words" | "cards" }
  | { name: "restore" }
  | { name: "moved" }
  | { name: "visit"; about: HistoryEntry }
  | { name: "sign_in"; link: string | null; answer?: string };

type Stage = "starting" | "gone" | "returned" | Status["stage"];
/** What somebody who makes a wallet wants of it: an identity of its own, one that was lost, or that of another device. */
export type Intent = "new" | "restore" | "join";

const HOME: Screen = { name: "home" };
/** How often it is looked whether the wallet closed itself. */
const LOOK_MS = 15_000;

export const wallet = $state<{
  stage: Stage;
  status: Status | null;
  gone: Failure | null;
  cards: CredentialView[] | null;
  intent: Intent | null;
}>({ stage: "starting", status: null, gone: null, cards: null, intent: null });

const route = $state<{ stack: Screen[] }>({ stack: [HOME] });

export function screen(): Screen {
  return route.stack.at(-1) ?? HOME;
}

export function depth(): number {
  return route.stack.length;
}

/** After what a screen shows has changed as a whole: it is read from its heading, from the top. */
export async function arrive(heading = "h1"): Promise<void> {
  await tick();
  document.querySelector("main")?.scrollTo(0, 0);
  document.querySelector<HTMLElement>(heading)?.focus({ preventScroll: true });
}

/** Opens a screen above this one. */
export function go(next: Screen): void {
  route.stack.push(next);
  history.pushState({ depth: route.stack.length }, "");
}

/** Puts a screen in the place of this one: there is no way back to it. */
export function replace(next: Screen): void {
  route.stack[route.stack.length - 1] = next;
}

/** Opens one of the main screens, with nothing below but the home. */
export function main(next: Screen): void {
  route.stack = next.name === "home" ? [HOME] : [HOME, next];
  history.pushState({ depth: route.stack.length }, "");
}

/** Goes back as the browser's own button does. */
export function back(): void {
  if (route.stack.length > 1) history.back();
}

/** The browser went back. */
export function popped(): void {
  if (route.stack.length > 1) route.stack.pop();
}

function take(status: Status): void {
  if (status.stage !== "open") {
    // Nothing of a closed wallet stays on the page.
    wallet.cards = null;
    route.stack = [HOME];
  }
  wallet.status = status;
  wallet.stage = status.stage;
  speak(status.language);
  showWaiting();
}

/** Looks at a failure that concerns the whole wallet; whether it was one. */
export function heard(failure: Failure): boolean {
  if (failure.slug === "wallet-locked" && wallet.status) {
    take({ ...wallet.status, stage: "locked" });
    return true;
  }
  if (failure.slug === "start-over" || failure.slug === "wallet-away") {
    wallet.cards = null;
    wallet.gone = failure;
    wallet.stage = "gone";
    return true;
  }
  return false;
}

export async function start(): Promise<void> {
  // Until the wallet says which, the browser's.
  speak(navigator.language.startsWith("zh") ? "zh" : "en");
  if (cameBack() !== null) {
    wallet.stage = "returned";
    return;
  }
  try {
    await begin();
    take(await call("status", {}));
  } catch (error) {
    if (!(error instanceof Failed)) throw error;
    wallet.gone = error.failure;
    wallet.stage = "gone";
    return;
  }
  // For who measures how long it takes until a person can act.
  performance.mark("ready");
  links(opened);
  setInterval(look, LOOK_MS);
  document.addEventListener("visibilitychange", look);
}

/** The link that this interface was opened by, while the wallet is closed. */
let waiting: LinkRead | null = null;

/** The system led here by a link: it opens a screen, when the wallet is open, and does nothing by itself. */
function opened(link: LinkRead): void {
  waiting = link;
  showWaiting();
}

function showWaiting(): void {
  if (waiting === null || wallet.stage !== "open") return;
  main({ name: "add", link: waiting });
  waiting = null;
}

async function look(): Promise<void> {
  if (wallet.stage !== "open" || document.visibilityState !== "visible") return;
  try {
    const status = await call("status", {});
    // A credential that took longer came by itself, or was refused: the cards are read, and who shows what is under way reads it too.
    const changed = status.issued !== wallet.status?.issued;
    if (status.stage !== "open" || changed) take(status);
    if (status.stage === "open" && changed) await readCards(false);
  } catch (error) {
    if (!(error instanceof Failed)) throw error;
    heard(error.failure);
  }
}

export async function create(pin: string, intent: Intent): Promise<void> {
  const status = await call("create", { pin });
  wallet.intent = intent;
  take(status);
  if (intent !== "new") go({ name: intent });
}

export async function unlock(pin: string): Promise<void> {
  take(await call("unlock", { pin }));
}

export async function lock(): Promise<void> {
  take(await call("lock", {}));
}

export async function setLanguage(language: Language): Promise<void> {
  take(await call("set_language", { language }));
}

/** Reads the cards, from the ledger if `fresh`. */
export async function readCards(fresh: boolean): Promise<void> {
  wallet.cards = await call(fresh ? "refresh_credentials" : "credentials", {});
}

/** Opens what a link is for. It never acts. */
export async function openLink(read: { kind: LinkKind; link: string }): Promise<void> {
  switch (read.kind) {
    case "offer":
      replace({ name: "offer", link: read.link });
      return;
    case "device":
      replace({ name: "add_device", link: read.link });
      return;
    case "welcome":
      replace({ name: "join" });
      return;
    case "signed_in":
      replace({ name: "sign_in", link: null, answer: read.link });
      return;
    // The wallet opens no card as a link.
    case "card":
      return;
    case "request":
      replace({ name: "consent", view: await call("open_request", { link: read.link }) });
  }
}
