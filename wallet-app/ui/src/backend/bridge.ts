// The pilot's bridge on loopback: the wallet in a browser.

import type { Transport } from ".";

/** The proof of this tab's session: only this page can read it, and the tab forgets it when it is closed. */
const PROOF = "yufu-proof";

async function post(path: string, body: unknown): Promise<unknown> {
  const response = await fetch(path, {
    method: "POST",
    headers: { "content-type": "application/json", [PROOF]: sessionStorage.getItem(PROOF) ?? "" },
    body: JSON.stringify(body),
  });
  const answer: unknown = await response.json().catch(() => null);
  if (response.ok) return answer;
  throw answer;
}

const bridge: Transport = {
  /** Exchanges the token of the link that opened this page, if there is one, and takes it out of the address. */
  async begin() {
    // A new link to this very page changes nothing but the fragment.
    addEventListener("hashchange", () => location.reload());
    const token = new URLSearchParams(location.hash.slice(1)).get("start");
    if (token === null) return;
    history.replaceState(null, "", location.pathname);
    const started = await post("/start", { token });
    if (typeof started === "object" && started !== null && "proof" in started) {
      sessionStorage.setItem(PROOF, String(started.proof));
    }
  },
  call: (name, input) => post(`/commands/${name}`, input),
  open: (url) => void window.open(url, "_blank", "noopener,noreferrer"),
  // The browser says where.
  save(name, contents, type) {
    const url = URL.createObjectURL(new Blob([contents], { type }));
    Object.assign(document.createElement("a"), { href: url, download: name }).click();
    // After the browser began to read it.
    setTimeout(() => URL.revokeObjectURL(url), 60_000);
    return Promise.resolve("");
  },
  // No link leads to a page of a browser.
  links: () => {},
};

export default bridge;
