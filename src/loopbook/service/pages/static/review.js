// The review page by keyboard, and answers that outlive the service: each is sent again until it is stored.
"use strict";
(() => {
  const main = document.querySelector("main");
  let begun = performance.now(), hidden = 0, left = null, busy = false;

  const say = (text) => { const status = document.getElementById("status"); if (status) status.textContent = text; };
  const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

  document.addEventListener("visibilitychange", () => {
    if (document.hidden) left = performance.now();
    else if (left !== null) { hidden += performance.now() - left; left = null; }
  });

  // Shows what was answered in place of what was there. From another address (the sign-in) the browser goes there.
  const show = async (answer) => {
    if (new URL(answer.url).pathname !== "/review") { location.assign(answer.ok ? answer.url : "/review"); return; }
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    main.replaceChildren(...page.querySelector("main").childNodes);
    begun = performance.now(); hidden = 0;
    (document.getElementById("item-title") ?? main).focus();
  };

  // The same body has the same token, so that it is stored once, however often it arrives.
  const send = async (address, body) => {
    for (let wait = 250; ; wait = Math.min(2 * wait, 4000)) {
      try {
        const answer = await fetch(address, body ? { method: "POST", body, headers: { Accept: "text/html" } } : { headers: { Accept: "text/html" } });
        if (answer.status !== 503) return answer;
      } catch { /* nobody answers: said below, and tried again */ }
      say(document.getElementById("status")?.dataset.again ?? "");
      await pause(wait);
    }
  };

  const once = async (work) => {
    if (busy) return;
    busy = true;
    main.setAttribute("aria-busy", "true");
    try { await work(); } finally { busy = false; main.removeAttribute("aria-busy"); }
  };

  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (!("answer" in form.dataset)) return;
    event.preventDefault();
    const seconds = form.elements.namedItem("seconds");
    if (seconds) seconds.value = ((performance.now() - begun - hidden) / 1000).toFixed(2);
    const body = new URLSearchParams(new FormData(form, event.submitter));
    once(async () => {
      const answer = await send(form.action, body);
      if (answer.ok) await show(answer);
      else {
        const page = new DOMParser().parseFromString(await answer.text(), "text/html");
        if (answer.status === 409) await show(await send("/review"));
        say(page.querySelector("main .lead")?.textContent ?? answer.statusText);
      }
    });
  });

  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[data-swap]");
    if (!link) return;
    event.preventDefault();
    once(async () => {
      const kept = document.getElementById("comment")?.value, since = begun, away = hidden;
      await show(await send(link.href));
      begun = since; hidden = away;
      if (kept) document.getElementById("comment").value = kept;
    });
  });

  // An export of Label Studio, read here and sent as it is; the service checks it.
  document.addEventListener("change", (event) => {
    const chosen = event.target;
    if (!("labels" in chosen.dataset) || !chosen.files.length) return;
    once(async () => {
      const headers = { "Content-Type": "application/json", "X-CSRF-Token": chosen.dataset.labels };
      const answer = await fetch("/review/labels", { method: "POST", body: await chosen.files[0].text(), headers });
      const told = await answer.json();
      const why = (told.why ?? []).map((each) => `${each.annotation}: ${each.what}`).join(" ");
      say(answer.ok ? `${chosen.dataset.taken.replace(/\{(\w+)\}/g, (_, name) => told[name])} ${why}` : told.detail);
      chosen.value = "";
    });
  });

  document.addEventListener("keydown", (event) => {
    const typing = event.target.closest("input, textarea, select");
    if (typing && event.key === "Escape") { typing.blur(); return; }
    if (typing || event.ctrlKey || event.altKey || event.metaKey || event.repeat) return;
    const found = main.querySelector(`[data-key~="${CSS.escape(event.key.toLowerCase())}"]`);
    if (!found) return;
    event.preventDefault();
    if (found.matches("button, a")) found.click(); else found.focus();
  });
})();
