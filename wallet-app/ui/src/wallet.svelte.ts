// What the whole interface knows: how far the wallet is, which screen is open, and the cards as they were last read.

import { tick } from "svelte";
import { begin, call, Failed, links } from "./backend";
import type {
  CameBy,
  ConsentView,
  CredentialView,
  Declined,
  DeclarePreview,
  DepartmentView,
  Failure,
  HistoryEntry,
  Language,
  LinkRead,
  OfferingView,
  Outcome,
  Status,
} from "./commands.gen";
import { speak } from "./language.svelte";
import { cameBack } from "./returned";
import { secrets, words } from "./words";

/** A screen, with what it needs. */
export type Screen =
  | { name: "home" }
  | { name: "card"; credential: string }
  | { name: "add"; link?: LinkRead }
  | { name: "offer"; link: string }
  | { name: "consent"; view: ConsentView }
  | { name: "match"; view: ConsentView; acceptUnverified: boolean }
  | { name: "outcome"; outcome: Outcome }
  | { name: "declined"; declined: Declined; suspicious: boolean }
  | { name: "activity" }
  | { name: "receipts" }
  | { name: "apply" }
  | { name: "form"; department: DepartmentView; offering: OfferingView }
  | { name: "review"; preview: DeclarePreview }
  | { name: "request"; id: string }
  | { name: "settings" }
  | { name: "my_data" }
  | { name: "devices" }
  | { name: "add_device"; link?: string }
  | { name: "join"; answer?: string }
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
/** Screens on which nothing is begun that a link could take away. */
const AT_REST: Screen["name"][] = ["home", "card", "activity", "receipts", "settings", "apply", "devices", "recovery", "outcome", "declined", "moved"];
/** How often it is looked whether the wallet closed itself. */
const LOOK_MS = 15_000;

export const wallet = $state<{
  stage: Stage;
  status: Status | null;
  gone: Failure | null;
  cards: CredentialView[] | null;
  intent: Intent | null;
  /** A link that the system led here by and no screen has shown yet. */
  link: LinkRead | null;
  /** When it closes itself, by this page's clock. */
  closesAt: number | null;
}>({ stage: "starting", status: null, gone: null, cards: null, intent: null, link: null, closesAt: null });

const route = $state<{ stack: Screen[] }>({ stack: [HOME] });
/** The number of the browser's entry that is shown: by it a way back is told from a way forward. */
let entry = 0;

/** Words for what opens this wallet. */
export function secret(): typeof secrets.pin | typeof secrets.passphrase {
  return wallet.status?.binds === false ? secrets.passphrase : secrets.pin;
}

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

/** After something was not taken: the field that it is about has the focus, and says why. */
export async function showFault(): Promise<void> {
  await tick();
  document.querySelector<HTMLElement>("[aria-invalid=true]")?.focus();
}

/** Opens a screen above this one. */
export function go(next: Screen): void {
  route.stack.push(next);
  enter();
}

function enter(): void {
  entry += 1;
  history.pushState({ entry }, "");
}

/** Puts a screen in the place of this one: there is no way back to it. */
export function replace(next: Screen): void {
  route.stack[route.stack.length - 1] = next;
}

/** Opens one of the main screens, with nothing below but the home. */
export function main(next: Screen): void {
  route.stack = next.name === "home" ? [HOME] : [HOME, next];
  enter();
}

/** Goes back as the browser's own button does. */
export function back(): void {
  if (route.stack.length > 1) history.back();
}

/** The browser went back; or forward, where it is led back from: what was left is not shown again. */
export function popped({ state }: PopStateEvent): void {
  // An entry that is not ours: somebody changed the fragment.
  if (typeof state?.entry !== "number") return;
  const steps = entry - state.entry;
  if (steps < 0) {
    history.go(steps);
    return;
  }
  entry = state.entry;
  if (steps > 0) route.stack.splice(Math.max(1, route.stack.length - steps));
}

function take(status: Status): void {
  const before = wallet.stage;
  if (status.stage !== "open") {
    // Nothing of a closed wallet stays on the page.
    wallet.cards = null;
    route.stack = [HOME];
  }
  wallet.status = status;
  wallet.stage = status.stage;
  noteTime(status);
  speak(status.language);
  // Who has just made a wallet goes on with that first.
  if (before !== "absent") openAtRest();
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
  // Until the wallet says which, the system's.
  const own = navigator.language.startsWith("zh") ? "zh" : "en";
  speak(own);
  if (cameBack() !== null) {
    wallet.stage = "returned";
    return;
  }
  try {
    await begin();
    const status = await call("status", {});
    // A wallet that is not made yet speaks as its system does.
    take(status.stage === "absent" && status.language !== own ? await call("set_language", { language: own }) : status);
  } catch (error) {
    if (!(error instanceof Failed)) throw error;
    wallet.gone = error.failure;
    wallet.stage = "gone";
    return;
  }
  // For who measures how long it takes until a person can act.
  performance.mark("ready");
  history.replaceState({ entry: (entry = Number(history.state?.entry ?? 0)) }, "");
  links((link) => {
    wallet.link = link;
    openAtRest();
  });
  setInterval(() => void look(), LOOK_MS);
  document.addEventListener("visibilitychange", () => void look());
}

/** The system led here by a link. It opens a screen and does nothing by itself; where something has been begun, a person is asked first. */
function openAtRest(): void {
  if (wallet.stage === "open" && AT_REST.includes(screen().name)) openWaiting();
}

export function openWaiting(): void {
  const link = wallet.link;
  wallet.link = null;
  if (link) main({ name: "add", link });
}

function noteTime(status: Status): void {
  wallet.closesAt = status.closes_in === null ? null : Date.now() + status.closes_in * 1000;
}

/** Somebody uses the wallet: it stays open. */
export function touch(): Promise<void> {
  return look("touch");
}

/** Looks how far the wallet is. */
export async function look(by: "status" | "touch" = "status"): Promise<void> {
  if (wallet.stage !== "open" || document.visibilityState !== "visible") return;
  try {
    const status = await call(by, {});
    // A card that took longer came by itself, or was refused: the cards are read, and who shows what is under way reads it too.
    const changed = status.issued !== wallet.status?.issued;
    noteTime(status);
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

/** The screen that a link is for, which came by this channel. Reading it never acts. */
export async function screenFor(read: LinkRead, channel: CameBy): Promise<Screen> {
  switch (read.kind) {
    case "offer":
      return { name: "offer", link: read.link };
    case "device":
      return { name: "add_device", link: read.link };
    case "welcome":
      return { name: "join", answer: read.link };
    case "signed_in":
      return { name: "sign_in", link: null, answer: read.link };
    case "card":
      throw new Failed({ slug: "guardian-card", side: "you", sentence: words.cardIsNoLink, attempts_left: null, wait_seconds: null, site_can_be_told: false });
    case "request":
      return { name: "consent", view: await call("open_request", { link: read.link, channel }) };
  }
}
