// Coming back from a department's page: its browser opens this page with an answer in the address, in a window that has no session.
// That window tells the wallet's one, which is of the same origin, and knows nothing else.

const CHANNEL = "yufu-signed-in";
/** For so long the window that came back waits for the wallet's to take the address. */
const TAKEN_MS = 2_000;

/** The address that a browser came back with, if this page is one. */
export function cameBack(): string | null {
  const parameters = new URLSearchParams(location.search);
  return parameters.has("state") && (parameters.has("code") || parameters.has("error")) ? location.href : null;
}

/** Hands the address to the wallet's window; whether one took it. The address is not left in this window's history. */
export function handOver(address: string): Promise<boolean> {
  history.replaceState(null, "", location.pathname);
  return new Promise((done) => {
    const channel = new BroadcastChannel(CHANNEL);
    const end = (taken: boolean): void => {
      channel.close();
      done(taken);
    };
    const timer = setTimeout(() => end(false), TAKEN_MS);
    channel.onmessage = (event: MessageEvent<unknown>) => {
      if (event.data !== "taken") return;
      clearTimeout(timer);
      end(true);
    };
    channel.postMessage({ address });
  });
}

/** Hears of an address from the window that came back, until it is told to stop. */
export function listen(take: (address: string) => void): () => void {
  const channel = new BroadcastChannel(CHANNEL);
  channel.onmessage = (event: MessageEvent<unknown>) => {
    const data = event.data;
    if (typeof data !== "object" || data === null || !("address" in data)) return;
    channel.postMessage("taken");
    take(String(data.address));
  };
  return () => channel.close();
}
