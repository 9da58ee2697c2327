// What a page in the application's window would do if it were not ours: told to the window, where all of it is in vain, and to one that was
// weakened for it, where all of it succeeds. What succeeds nowhere would prove nothing.

import { createServer } from "node:http";

/** Time enough for a request that would be made. */
export const SOON_MS = 400;

/** Somebody else on this machine, who answers whatever is asked of him, and remembers it. */
export async function somebodyElse() {
  const asked = [];
  const server = createServer((request, answer) => {
    asked.push(request.url);
    const script = "window.ranForeign = true";
    const [type, text] = request.url.endsWith("script") ? ["text/javascript", script] : ["text/html", "<p id=elsewhere>Elsewhere</p>"];
    answer.writeHead(200, { "content-type": type, "access-control-allow-origin": "*" }).end(text);
  });
  await new Promise((ready) => server.listen(0, "127.0.0.1", ready));
  return { server, asked };
}

/** Ways to reach an address without leaving the page. */
export const WAYS_OUT = {
  fetch: (url) => fetch(url),
  blind: (url) => fetch(url, { mode: "no-cors", method: "POST", body: "x" }),
  image: (url) => void (new Image().src = url),
  socket: (url) => void new WebSocket(url.replace("http", "ws")),
  worker: (url) => void new Worker(URL.createObjectURL(new Blob([`fetch("${url}")`]))),
  beacon: (url) => void navigator.sendBeacon(url, "x"),
  frame: (url) => void document.body.append(Object.assign(document.createElement("iframe"), { src: url, className: "escape" })),
  style: (url) => void document.head.append(Object.assign(document.createElement("link"), { rel: "stylesheet", href: url, className: "escape" })),
  script: (url) => void document.head.append(Object.assign(document.createElement("script"), { src: url, className: "escape" })),
};

/** Ways to another page, in this window or a new one. */
export const WAYS_ELSEWHERE = {
  assign: (url) => void (location.href = url),
  replace: (url) => void location.replace(url),
  link: (url) => {
    const link = Object.assign(document.createElement("a"), { href: url, className: "escape" });
    document.body.append(link);
    link.click();
    link.remove();
  },
  form: (url) => {
    const form = Object.assign(document.createElement("form"), { action: url, method: "post", className: "escape" });
    document.body.append(form);
    form.submit();
    form.remove();
  },
};
/** The same to pages of nobody's. */
export const TO_NOBODY = {
  blank: () => void (location.href = "about:blank"),
};

/** Opens another window, as a page may when its button is pressed. */
export async function opensAnother(page, url) {
  await page.evaluate((address) => {
    const button = Object.assign(document.createElement("button"), { id: "escape", textContent: "open", onclick: () => window.open(address) });
    document.body.prepend(button);
  }, url);
  await page.locator("#escape").click();
  await new Promise((done) => setTimeout(done, SOON_MS));
  await page.evaluate(() => document.querySelector("#escape")?.remove());
}

/** Tries each, at an address of its own, whatever comes of it. */
export async function tryAll(page, ways, there) {
  for (const [name, way] of Object.entries(ways)) await page.evaluate(way, `${there}/${name}`).catch(() => {});
  await new Promise((done) => setTimeout(done, SOON_MS));
  await page.evaluate(() => document.querySelectorAll(".escape").forEach((one) => one.remove()));
}

/** Which scripts run that are not of the program; runs in the page. */
export async function foreignScripts() {
  const names = ["ranEval", "ranFunction", "ranInline", "ranHandler", "ranHtml"];
  const attempt = (story) => {
    try {
      story();
    } catch {
      // Refused loudly.
    }
  };
  attempt(() => (0, eval)("window.ranEval = true"));
  attempt(() => new Function("window.ranFunction = true")());
  attempt(() => {
    const script = document.createElement("script");
    script.append("window.ranInline = true");
    document.head.append(script);
  });
  attempt(() => {
    const button = document.createElement("button");
    button.setAttribute("onclick", "window.ranHandler = true");
    document.body.append(button);
    button.click();
    button.remove();
  });
  attempt(() => (document.createElement("div").innerHTML = "<img src=x onerror='window.ranHtml = true'>"));
  await new Promise((done) => setTimeout(done, 300));
  return Object.fromEntries(names.map((name) => [name, window[name] === true]));
}

/** Whether what every object inherits can be changed; runs in the page. */
export function pollutes() {
  try {
    Object.prototype.polluted = true;
  } catch {
    // Refused loudly in a strict script.
  }
  const found = { frozen: Object.isFrozen(Object.prototype), polluted: "polluted" in {} };
  if (!found.frozen) delete Object.prototype.polluted;
  return found;
}
