// The application's window, driven by tauri-driver over WebDriver: as much of Playwright's page as the story uses, so that one story is told
// in the browser and in the window. Every wait has a limit.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

const LIMIT_MS = 30_000;
const LOOK_MS = 50;
/** So many looks at the same place are called standing still. */
const STILL = 3;
const ELEMENT = "element-6066-11e4-a52e-4f735466cecf";

const pause = (time) => new Promise((done) => setTimeout(done, time));

async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  await once(server, "close");
  return port;
}

/** Finds what a locator means; runs in the page. */
const FIND = `
  const find = ({ parent, either, css, text, nth }) => {
    const normal = (element) => (element.textContent ?? "").replace(/\\s+/g, " ");
    const roots = parent ? find(parent) : [document];
    let found = either ? either.flatMap(find) : css ? roots.flatMap((root) => [...root.querySelectorAll(css)]) : roots;
    found = [...new Set(found)];
    if (text?.source) found = found.filter((element) => new RegExp(text.source, text.flags).test(normal(element)));
    else if (text) found = found.filter((element) => normal(element).toLowerCase().includes(text.toLowerCase()));
    return nth === undefined ? found : found.slice(nth, nth === -1 ? undefined : nth + 1);
  };
  const found = find(arguments[0]);
`;

class Locator {
  constructor(page, meaning) {
    this.page = page;
    this.meaning = meaning;
  }
  #further(more) {
    return new Locator(this.page, { parent: this.meaning, ...more });
  }
  locator(css, { hasText } = {}) {
    return this.#further({ css, text: hasText instanceof RegExp ? { source: hasText.source, flags: hasText.flags } : hasText });
  }
  nth(nth) {
    return this.#further({ nth });
  }
  first() {
    return this.nth(0);
  }
  last() {
    return this.nth(-1);
  }
  or(other) {
    return new Locator(this.page, { either: [this.meaning, other.meaning] });
  }
  #look(script) {
    return this.page.script(FIND + script, [this.meaning]);
  }
  count() {
    return this.#look("return found.length;");
  }
  allTextContents() {
    return this.#look("return found.map((element) => element.textContent);");
  }
  async #until(what, script, timeout = LIMIT_MS) {
    const until = Date.now() + timeout;
    for (;;) {
      const found = await this.#look(script);
      if (found !== null && found !== false) return found;
      if (Date.now() > until) throw new Error(`${JSON.stringify(this.meaning)} was not ${what} in ${timeout} ms; the window shows:\n${await this.page.text()}`);
      await pause(LOOK_MS);
    }
  }
  async waitFor({ state = "visible", timeout } = {}) {
    await this.#until(state, state === "detached" ? "return found.length === 0;" : "return found.some((element) => element.checkVisibility());", timeout);
  }
  async textContent({ timeout } = {}) {
    const { text } = await this.#until("there", "return found.length ? { text: found[0].textContent } : null;", timeout);
    return text;
  }
  async getAttribute(name) {
    const { value } = await this.#until("there", `return found.length ? { value: found[0].getAttribute(${JSON.stringify(name)}) } : null;`);
    return value;
  }
  async all() {
    return Array.from({ length: await this.count() }, (_, number) => this.nth(number));
  }
  /** The whole window with it in the middle: what is cut out of a part that scrolls is not what is seen there. */
  async screenshot() {
    const element = await this.#element("found[0].checkVisibility()");
    await this.page.script("arguments[0].scrollIntoView({ block: 'center', behavior: 'instant' });", [{ [ELEMENT]: element }]);
    await this.page.evaluate(() => new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(drawn, 200)))));
    return Buffer.from(await this.page.command("GET", "/screenshot"), "base64");
  }
  async isDisabled() {
    return this.#until("there", "return found.length ? String(found[0].disabled) : null;").then((answer) => answer === "true");
  }
  async #element(condition, timeout) {
    const found = await this.#until("ready", `return found.length && (${condition}) ? found[0] : null;`, timeout);
    return found[ELEMENT];
  }
  /**
   * A click of the pointer, on what can be seen, is not disabled, and does not move: what is shown above it later would take its place. It is
   * scrolled to first, as a person would; the driver does not find its way within what scrolls.
   */
  async click({ timeout } = {}) {
    const element = await this.#element("found[0].checkVisibility() && !found[0].disabled", timeout);
    await this.page.script("arguments[0].scrollIntoView({ block: 'center' });", [{ [ELEMENT]: element }]);
    const place = () => this.page.script("const { x, y } = arguments[0].getBoundingClientRect(); return arguments[0].isConnected ? `${x} ${y}` : null;", [{ [ELEMENT]: element }]);
    let [before, still] = [await place(), 0];
    for (const until = Date.now() + LIMIT_MS; still < STILL; ) {
      await pause(LOOK_MS);
      const now = await place();
      if (now === null) return this.click({ timeout });
      still = now === before ? still + 1 : 0;
      before = now;
      if (Date.now() > until) throw new Error(`${JSON.stringify(this.meaning)} does not stand still`);
    }
    await this.page.command("POST", `/element/${element}/click`, {});
  }
  /** Keys that are pressed one after the other. */
  async type(text) {
    const element = await this.#element("found[0].checkVisibility() && !found[0].disabled");
    await this.page.command("POST", `/element/${element}/value`, { text });
  }
  /** A text that is there at once, as from an input method. */
  async fill(text, { timeout } = {}) {
    const element = await this.#element("found[0].checkVisibility() && !found[0].disabled", timeout);
    const put = `
      const [element, text] = arguments;
      const kind = element instanceof HTMLTextAreaElement ? HTMLTextAreaElement : HTMLInputElement;
      element.focus();
      Object.getOwnPropertyDescriptor(kind.prototype, "value").set.call(element, text);
      element.dispatchEvent(new Event("input", { bubbles: true }));
      element.dispatchEvent(new Event("change", { bubbles: true }));`;
    await this.page.script(put, [{ [ELEMENT]: element }, text]);
  }
  async setInputFiles(file) {
    let path = file;
    if (typeof file !== "string") {
      path = join(this.page.folder, file.name);
      await writeFile(path, file.buffer);
    }
    const element = await this.#element("true");
    await this.page.command("POST", `/element/${element}/value`, { text: path });
  }
}

/** One run of the application. */
export class Window {
  #driver;
  #base;
  #session;
  #line;

  /** Starts tauri-driver, which starts the application. */
  static async open(application, args, environment = {}) {
    const window = new Window();
    window.#line = [application, ...args].join("\0");
    window.folder = await mkdtemp(join(tmpdir(), "yufu-window-"));
    const [port, native] = [await freePort(), await freePort()];
    window.#base = `http://127.0.0.1:${port}`;
    const { YUFU_TAURI_DRIVER: driver = "tauri-driver", YUFU_WEBKIT_DRIVER: webkit } = process.env;
    const natively = webkit ? ["--native-driver", webkit] : [];
    window.#driver = spawn(driver, ["--port", String(port), "--native-port", String(native), ...natively], { stdio: "ignore", env: { ...process.env, ...environment } });
    const failed = once(window.#driver, "error").then(([why]) => Promise.reject(why));
    await Promise.race([window.#listening(), failed]);
    const capabilities = { alwaysMatch: { browserName: "wry", "tauri:options": { application, args } } };
    const { sessionId } = await window.#ask("POST", "/session", { capabilities }).catch((why) => {
      // A driver that is left would keep this program from ending.
      window.#driver.kill("SIGKILL");
      throw why;
    });
    window.#session = sessionId;
    return window;
  }
  async #listening() {
    for (const until = Date.now() + LIMIT_MS; ; await pause(LOOK_MS)) {
      const status = await fetch(`${this.#base}/status`).then((answer) => answer.ok, () => false);
      if (status) return;
      if (Date.now() > until) throw new Error("tauri-driver does not answer");
    }
  }
  async #ask(method, path, body) {
    const options = body ? { body: JSON.stringify(body), headers: { "content-type": "application/json" } } : {};
    const answer = await fetch(this.#base + path, { method, signal: AbortSignal.timeout(LIMIT_MS * 2), ...options });
    const { value } = await answer.json();
    if (!answer.ok) throw new Error(`${method} ${path}: ${value?.error}: ${value?.message}`);
    return value;
  }
  command(method, path, body) {
    return this.#ask(method, `/session/${this.#session}${path}`, body);
  }
  script(script, args = []) {
    return this.command("POST", "/execute/sync", { script, args });
  }
  /** Runs a function in the page and waits for what it promises. */
  async evaluate(story, argument) {
    const script = `const done = arguments[arguments.length - 1]; Promise.resolve((${story})(arguments[0])).then((value) => done({ value }), (why) => done({ why: String(why) }));`;
    const { value, why } = await this.command("POST", "/execute/async", { script, args: [argument ?? null] });
    if (why !== undefined) throw new Error(why);
    return value;
  }
  locator(css, options) {
    return new Locator(this, {}).locator(css, options);
  }
  url() {
    return this.command("GET", "/url");
  }
  text() {
    return this.script("return document.body?.innerText;");
  }
  async screenshot({ path }) {
    await writeFile(path, Buffer.from(await this.command("GET", "/screenshot"), "base64"));
  }
  /** The processes of this run: those that were started with its arguments. */
  async #running() {
    const found = [];
    for (const pid of await readdir("/proc")) {
      const line = /^\d+$/.test(pid) ? await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "") : "";
      if (line.includes(this.#line)) found.push(Number(pid));
    }
    return found;
  }
  /** Closes the window as a person does, which ends the application, and then its driver. */
  async close() {
    if (this.#session) await this.command("DELETE", "/window").catch(() => {});
    for (const until = Date.now() + 5_000; (await this.#running()).length && Date.now() < until; ) await pause(LOOK_MS);
    const left = await this.#running();
    left.forEach((pid) => process.kill(pid, "SIGKILL"));
    this.#driver.kill();
    if (this.#driver.exitCode === null && this.#driver.signalCode === null) await once(this.#driver, "exit");
    await rm(this.folder, { recursive: true, force: true });
    if (left.length) throw new Error("the application did not end when its window was closed");
  }
}
