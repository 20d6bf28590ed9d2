// The monitor renews what is live by itself, unless it is told not to, is hidden, or somebody is in the part.
"use strict";
(() => {
  const every = 20000, soon = 4000, own = document.getElementById("renew");
  if (!own) return;
  own.hidden = false;
  const wanted = own.querySelector("input");
  wanted.checked = localStorage.getItem("renew") !== "no";
  wanted.addEventListener("change", () => localStorage.setItem("renew", wanted.checked ? "yes" : "no"));

  const renew = async () => {
    try {
      const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
      if (!answer.ok || new URL(answer.url).pathname !== location.pathname) return;
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      for (const part of document.querySelectorAll("[data-live]")) {
        const other = page.getElementById(part.id);
        if (!other || part.contains(document.activeElement)) continue;
        const open = [...part.querySelectorAll("details")].map((each) => each.open);
        part.replaceChildren(...other.childNodes);
        part.querySelectorAll("details").forEach((each, at) => { each.open = open[at] ?? each.open; });
      }
    } catch { /* nobody answers just now: the time on the page says how old it is */ }
  };
  const turn = async () => {
    if (wanted.checked && !document.hidden) await renew();
    setTimeout(turn, document.querySelector("[data-looking]") ? soon : every);
  };
  setTimeout(turn, document.querySelector("[data-looking]") ? soon : every);
})();
