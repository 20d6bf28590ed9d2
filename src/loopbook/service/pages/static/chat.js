// Chat and desk: what is sent is sent again until it is stored, and what others write appears by itself.
"use strict";
(() => {
  const main = document.querySelector("main");
  const every = 3000;
  let busy = false;

  const status = (name) => { const line = document.getElementById("status"); if (line) line.textContent = name ? line.dataset[name] : ""; };
  const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));
  const read = async (answer) => new DOMParser().parseFromString(await answer.text(), "text/html");
  const last = () => document.getElementById("last")?.scrollIntoView({ block: "nearest" });

  // The same body has the same token, so that it is stored once, however often it arrives.
  const send = async (address, body) => {
    for (let wait = 250; ; wait = Math.min(2 * wait, 4000)) {
      try {
        const answer = await fetch(address, { method: "POST", body, headers: { Accept: "text/html" } });
        if (answer.status !== 503 && answer.status !== 429) return answer;
      } catch { /* nobody answers: said below, and tried again */ }
      status("again");
      await pause(wait);
    }
  };

  const show = (page, address) => {
    if (new URL(address).pathname !== location.pathname) history.pushState(null, "", address);
    main.replaceChildren(...page.querySelector("main").childNodes);
    (document.getElementById("text") ?? main).focus({ preventScroll: true });
    last();
  };

  document.addEventListener("submit", async (event) => {
    const form = event.target;
    if (!("say" in form.dataset)) return;
    event.preventDefault();
    if (busy) return;
    busy = true;
    const body = new URLSearchParams(new FormData(form, event.submitter));
    main.setAttribute("aria-busy", "true");
    status("sending");
    try {
      const answer = await send(form.action, body), page = await read(answer);
      if (page.getElementById("lines") ?? page.getElementById("text")) show(page, answer.url);
      else location.assign(answer.ok ? answer.url : location.pathname);
    } finally { busy = false; main.removeAttribute("aria-busy"); }
  });

  document.addEventListener("keydown", (event) => {
    if (event.target.id !== "text" || event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    if (!matchMedia("(pointer: fine)").matches) return;
    event.preventDefault();
    event.target.form.requestSubmit(event.target.form.querySelector("button.main"));
  });

  const renew = async () => {
    try {
      const answer = await fetch(location.pathname, { headers: { Accept: "text/html" } });
      if (busy || !answer.ok || new URL(answer.url).pathname !== location.pathname) return;
      const page = await read(answer);
      for (const part of document.querySelectorAll("[data-live]")) {
        const other = page.getElementById(part.id);
        if (!other || part.innerHTML === other.innerHTML || part.contains(document.activeElement)) continue;
        part.toggleAttribute("data-wait", other.hasAttribute("data-wait"));
        part.replaceChildren(...other.childNodes);
        if (part.id === "lines") last();
      }
    } catch { /* nobody answers just now: tried again */ }
  };
  const turn = async () => {
    if (!busy && !document.hidden && document.querySelector("[data-wait]")) await renew();
    setTimeout(turn, every);
  };
  setTimeout(turn, every);
  last();
})();
