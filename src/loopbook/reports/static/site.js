// Fold or unfold all code, and copy a command. Pages are whole without it.
"use strict";
for (const button of document.querySelectorAll("button.fold")) {
  const blocks = document.querySelectorAll("details.code");
  button.hidden = blocks.length === 0;
  button.setAttribute("aria-pressed", "false");
  button.addEventListener("click", () => {
    const open = button.getAttribute("aria-pressed") !== "true";
    for (const block of blocks) block.open = open;
    button.setAttribute("aria-pressed", String(open));
  });
}
for (const command of document.querySelectorAll("pre.command")) {
  if (!navigator.clipboard) continue;
  const text = command.textContent.trim();
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = "Copy";
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(text);
    button.textContent = "Copied";
  });
  command.append(button);
}
