// The login page without reloading: what happens in the wallet, in words, and how long is left. It decides nothing: the server
// gives the session only to the browser that has the cookie.
"use strict";

(() => {
  const login = document.getElementById("login");
  const state = document.getElementById("state");
  if (!login || !state) return;

  const countdown = document.getElementById("countdown");
  const remaining = document.getElementById("remaining");
  const ways = ["way-same-device", "way-cross-device"].map((id) => document.getElementById(id)).filter((way) => way);
  const again = document.getElementById("again");
  const chinese = document.documentElement.lang.startsWith("zh");
  // The server's clock counts, not this device's.
  const ahead = Date.now() / 1000 - Number(login.dataset.now);
  const expires = Number(login.dataset.expires);
  let timer = 0;

  function tick() {
    const left = Math.max(0, Math.ceil(expires - (Date.now() / 1000 - ahead)));
    if (countdown) countdown.textContent = chinese ? `还剩 ${left} 秒` : `${left} seconds left`;
    if (remaining) remaining.value = left;
    if (left === 0) window.clearInterval(timer);
  }

  function show(progress) {
    login.dataset.stage = progress.stage;
    if (state.textContent !== progress.sentence) state.textContent = progress.sentence;
    const open = progress.stage === "waiting" || progress.stage === "opened";
    if (!open) for (const way of ways) way.hidden = true;
    if (!open) login.querySelector(".ways").classList.add("over");
    if (!open) {
      window.clearInterval(timer);
      if (countdown) countdown.hidden = true;
      if (remaining) remaining.hidden = true;
    }
    if (progress.final && progress.stage !== "completed" && again) {
      again.hidden = false;
      const link = again.querySelector("a");
      if (link) link.focus({ preventScroll: true });
    }
  }

  if (countdown) {
    if (remaining) remaining.hidden = false;
    timer = window.setInterval(tick, 1000);
    tick();
  }

  const events = new EventSource(login.dataset.events);
  events.addEventListener("progress", (event) => {
    const progress = JSON.parse(event.data);
    show(progress);
    if (progress.final || progress.next) events.close();
    if (progress.next) window.location.assign(progress.next);
  });
  events.addEventListener("error", () => {
    if (events.readyState !== EventSource.CLOSED) state.textContent = login.dataset.lost;
    else window.location.assign(`/login/${login.dataset.login}`);
  });
})();
