// The application: its commands, each with a permission of its own. Nothing else of Tauri is used.

import { invoke } from "@tauri-apps/api/core";
import type { LinkRead } from "../commands.gen";
import { base64 } from "../picture";
import type { Transport } from ".";

const app: Transport = {
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
