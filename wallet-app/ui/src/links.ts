// What a link says of where it comes from, before it is opened. Anybody can write one, so this is a hint and proves nothing.

import type { LinkRead } from "./commands.gen";

/** The parameters of a link that name a host, the most telling first. */
const NAMES = ["request_uri", "credential_offer_uri", "iss", "response_uri", "client_id"];

/** The host that a link leads to, where it names one. */
export function hostOf({ link }: Pick<LinkRead, "link">): string | null {
  if (!URL.canParse(link)) return null;
  const parameters = new URL(link).searchParams;
  const offer = parameters.get("credential_offer");
  for (const address of [...NAMES.map((name) => parameters.get(name)), offer && issuerOf(offer)]) {
    if (address && URL.canParse(address) && /^https?:/i.test(address)) return new URL(address).host;
  }
  return null;
}

/** The issuer of an offer that is in the link itself (OpenID4VCI 1.0 section 4.1.2). */
function issuerOf(offer: string): string | null {
  try {
    const read: unknown = JSON.parse(offer);
    return typeof read === "object" && read !== null && "credential_issuer" in read ? String(read.credential_issuer) : null;
  } catch {
    return null;
  }
}
