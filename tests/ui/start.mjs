// Measures from the start of the program until a person can act, on this display: node start.mjs PROGRAM SETUP [times]

import { mkdtemp, readdir, readFile, readlink, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Window } from "./window.mjs";

const [program, setup, times = "5"] = process.argv.slice(2);
/** Ticks of the kernel's clock in a second, in which it counts when a process began. */
const TICKS = 100;

/** When the program began, in milliseconds since 1970. */
async function began() {
  const uptime = Number((await readFile("/proc/uptime", "utf8")).split(" ")[0]);
  for (const pid of await readdir("/proc")) {
    if ((await readlink(`/proc/${pid}/exe`).catch(() => "")) !== program) continue;
    const [, fields] = (await readFile(`/proc/${pid}/stat`, "utf8")).split(") ");
    const age = uptime - Number(fields.split(" ")[19]) / TICKS;
    return Date.now() - age * 1000;
  }
  throw new Error(`${program} does not run`);
}

const taken = [];
for (let run = 0; run < Number(times); run += 1) {
  const folder = await mkdtemp(join(tmpdir(), "yufu-start-"));
  const window = await Window.open(program, ["--setup", setup, "--folder", join(folder, "wallet")]);
  await window.locator("#create").waitFor();
  const at = await began();
  const ready = await window.evaluate(() => performance.timeOrigin + performance.getEntriesByName("ready")[0].startTime);
  taken.push(Math.round(ready - at));
  await window.close();
  await rm(folder, { recursive: true, force: true });
}
taken.sort((one, other) => one - other);
console.log(`Start to the first screen that a person can use: ${taken.at(Math.floor(taken.length / 2))} ms (median of ${taken.join(", ")}).`);
