// Keeps the overview up to date: on each finalized block, at most once a second, and every ten seconds anyway, so that a halt shows.
(() => {
  const target = document.getElementById("live");
  const state = document.getElementById("live-state");
  let due = null;
  let last = 0;
  const show = (on) => {
    state.textContent = on ? state.dataset.on : state.dataset.off;
    state.classList.toggle("off", !on);
  };
  const refresh = async () => {
    due = null;
    last = Date.now();
    try {
      const answer = await fetch("/console/live", { headers: { "accept-language": document.documentElement.lang } });
      // The session is over: the page itself leads to the login.
      if (answer.status === 401) return location.reload();
      if (!answer.ok) throw new Error(String(answer.status));
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      target.replaceChildren(...page.body.childNodes);
      show(true);
    } catch {
      show(false);
    }
  };
  const soon = () => {
    if (due === null && !document.hidden) due = setTimeout(refresh, Math.max(0, last + 1000 - Date.now()));
  };
  const events = new EventSource("/console/events");
  events.addEventListener("finalized", soon);
  events.addEventListener("open", () => show(true));
  events.addEventListener("error", () => show(false));
  setInterval(soon, 10000);
})();
