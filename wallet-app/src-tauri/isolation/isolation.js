// Every call of the page passes here before it reaches the wallet. What is not of the form of the wallet's commands is replaced by a
// call of nothing, which the wallet refuses in words: throwing here, or giving nothing, would leave the page waiting for ever.
(() => {
  const NAME = /^[a-z_]{1,40}$/;
  const KEYS = ["cmd", "callback", "error", "payload", "options"];
  const isPlain = (value) => typeof value === "object" && value !== null && !Array.isArray(value) && !ArrayBuffer.isView(value);
  const isCall = (call) =>
    isPlain(call) && Object.keys(call).every((key) => KEYS.includes(key)) && typeof call.cmd === "string" && NAME.test(call.cmd) && isPlain(call.payload);
  const nothing = (call) => ({ ...call, cmd: "not_a_command", payload: {} });
  window.__TAURI_ISOLATION_HOOK__ = (call) => {
    try {
      return isCall(call) ? call : nothing(call);
    } catch {
      return nothing({});
    }
  };
})();
