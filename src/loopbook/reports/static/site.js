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
// What if: the same sums as loopbook.decisions.what_if, over the counts that stand in the page.
for (const section of document.querySelectorAll("section[data-what-if]")) {
  const known = JSON.parse(section.dataset.whatIf);
  const form = section.querySelector("form");
  // The threshold's slider stands on the bins' own probabilities, and on the one in force.
  const cuts = [...new Set([0, ...known.bins.map(([p]) => p), known.threshold, 1])].sort((a, b) => a - b);
  form.elements.threshold.max = cuts.length - 1;
  form.elements.threshold.defaultValue = cuts.indexOf(known.threshold);
  const written = (value) =>
    value === null ? "–" : Number(value.toPrecision(Math.abs(value) < 1000 ? 3 : 6)).toLocaleString("en");
  const effect = (costs, threshold, capacity) => {
    const bins = known.bins.map(([p, positive, negative]) => {
      const right = p * costs.true_positive + (1 - p) * costs.true_negative;
      const wrong = p * costs.false_negative + (1 - p) * costs.false_positive;
      const acts = p >= threshold ? 1 : 0;
      const plain = acts
        ? p * costs.true_positive + (1 - p) * costs.false_positive
        : p * costs.false_negative + (1 - p) * costs.true_negative;
      const asking = costs.review + (1 - costs.review_error) * right + costs.review_error * wrong;
      return { positive, negative, acts, gain: plain - asking, asked: 0 };
    });
    const rows = bins.reduce((sum, bin) => sum + bin.positive + bin.negative, 0);
    let left = capacity * rows;
    for (const bin of [...bins].sort((a, b) => b.gain - a.gain)) {
      if (bin.gain <= 0 || left <= 0) break;
      bin.asked = Math.min(1, left / (bin.positive + bin.negative));
      left -= bin.asked * (bin.positive + bin.negative);
    }
    let [right, missed, alarms, rest, reviews] = [0, 0, 0, 0, 0];
    for (const { positive, negative, acts, asked } of bins) {
      const caught = positive * (asked * (1 - costs.review_error) + (1 - asked) * acts);
      const alarmed = negative * (asked * costs.review_error + (1 - asked) * acts);
      right += caught; missed += positive - caught; alarms += alarmed; rest += negative - alarmed;
      reviews += asked * (positive + negative);
    }
    const paid = right * costs.true_positive + missed * costs.false_negative + alarms * costs.false_positive
      + rest * costs.true_negative + reviews * costs.review;
    return {
      cost: paid / rows,
      recall: right + missed ? right / (right + missed) : null,
      precision: right + alarms ? right / (right + alarms) : null,
      reviews: reviews / rows,
    };
  };
  const draw = () => {
    const costs = { ...known.costs };
    for (const name of Object.keys(costs)) {
      if (form.elements[name] && form.elements[name].value !== "") costs[name] = Number(form.elements[name].value);
    }
    const [threshold, capacity] = [cuts[form.elements.threshold.value], Number(form.elements.capacity.value)];
    const found = effect(costs, threshold, capacity);
    for (const [name, value] of Object.entries(found)) form.elements[name].value = written(value);
    form.elements.shown_threshold.value = threshold.toFixed(3);
    form.elements.threshold.setAttribute("aria-valuetext", threshold.toFixed(3));
    form.elements.shown_capacity.value = `${Math.round(capacity * 100)}%`;
  };
  form.addEventListener("input", draw);
  form.addEventListener("reset", () => setTimeout(draw));
  form.addEventListener("submit", (event) => event.preventDefault());
  form.hidden = false;
  draw();
}
