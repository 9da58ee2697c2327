// The application: its commands, each with a permission of its own. Nothing else of Tauri is used.

import { invoke } from "@tauri-apps/api/core";
import type { LinkRead } from "../commands.gen";
import { base64 } from "../picture";
import type { Transport } from ".";

const app: Transport = {
  about: {
    zh: "数据加密保存在这台设备上，由钱包程序处理，界面里没有密钥。",
    en: "Your data is kept encrypted on this device and handled by the wallet's program; no key is in what you see.",
  },
  away: {
    zh: "钱包程序没有应答，您的数据没有丢失。请关闭这个窗口，再重新打开钱包。",
    en: "The wallet's program does not answer; nothing of yours is lost. Close this window and open the wallet again.",
  },
  begin: () => Promise.resolve(),
  call: (name, input) => invoke(name, input as Record<string, unknown>),
  open: (url) => void invoke("open_in_browser", { url }),
  async save(name, contents, type) {
    const file = { name, contents: await base64(new Blob([contents], { type })) };
    return (await invoke<{ path: string }>("save_file", file)).path;
  },
  links(show) {
    const next = async (): Promise<void> => {
      // Nothing: another page asks in the place of this one.
      for (let link = await invoke<LinkRead | null>("opened_link", {}); link; link = await invoke<LinkRead | null>("opened_link", {})) show(link);
    };
    void next();
  },
};

export default app;
