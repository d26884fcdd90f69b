// Links the curve, the caption, the table and the paragraph on a unit. The page says everything without it.
"use strict";
(() => {
  const units = JSON.parse(document.getElementById("report-data").textContent).units;
  const curve = document.getElementById("curve");
  const tip = document.getElementById("tip");
  const spans = [...document.querySelectorAll("#caption .unit")];
  let chosen = -1;

  function mark(kind, index) {
    for (const node of document.querySelectorAll(`[data-unit].${kind}`)) node.classList.remove(kind);
    for (const node of document.querySelectorAll(`[data-unit="${index}"]`)) node.classList.add(kind);
  }

  function choose(index) {
    if (index === chosen || index < 0 || index >= units.length) return;
    chosen = index;
    mark("chosen", index);
    spans.forEach((span, place) => {
      span.tabIndex = place === index ? 0 : -1;
      if (place === index) span.setAttribute("aria-current", "true");
      else span.removeAttribute("aria-current");
    });
  }

  // A native title would stand over the tip. What it said goes into the tip.
  const titles = units.map(() => "");
  for (const band of curve.querySelectorAll(".band")) {
    const title = band.querySelector("title");
    titles[Number(band.dataset.unit)] = title.textContent;
    title.remove();
  }

  function showTip(index) {
    const band = [...curve.querySelectorAll(`.band[data-unit="${index}"]`)].find((node) => node.getClientRects().length);
    if (!band) return;
    const [first, ...rest] = titles[index].split("\n");
    tip.querySelector("b").textContent = first;
    tip.querySelector("span").textContent = rest.join("\n");
    tip.hidden = false;
    const frame = curve.getBoundingClientRect();
    const box = band.getBoundingClientRect();
    const right = box.right - frame.left + 6;
    const left = box.left - frame.left - tip.offsetWidth - 6;
    const room = frame.width - tip.offsetWidth;
    tip.style.left = `${right <= room ? right : Math.max(0, Math.min(left, room))}px`;
    // In the half of the band where the point is not, so that the line near it stays in sight.
    const point = band.parentNode.querySelector(`.point[data-unit="${index}"]`)?.getBoundingClientRect();
    const high = point && point.top + point.height / 2 < (box.top + box.bottom) / 2;
    tip.style.top = `${(high ? box.bottom - tip.offsetHeight : box.top) - frame.top}px`;
  }

  function hover(index) {
    mark("hovered", index);
    if (index < 0) tip.hidden = true;
    else showTip(index);
  }

  const unitOf = (target) => {
    const node = target instanceof Element ? target.closest("[data-unit]") : null;
    return node ? Number(node.dataset.unit) : -1;
  };

  document.addEventListener("pointerover", (event) => {
    if (event.pointerType !== "touch") hover(unitOf(event.target));
  });
  document.documentElement.addEventListener("pointerleave", () => hover(-1));
  document.addEventListener("click", (event) => {
    const index = unitOf(event.target);
    if (index >= 0 && !getSelection().toString()) choose(index);
  });
  document.addEventListener("focusin", (event) => {
    if (spans.includes(event.target)) choose(unitOf(event.target));
  });
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey || event.shiftKey) return;
    if (event.target.closest?.("input, textarea, select")) return;
    const to = { ArrowLeft: chosen - 1, ArrowRight: chosen + 1 }[event.key];
    if (to === undefined || to < 0 || to >= units.length) return;
    event.preventDefault();
    hover(-1);
    choose(to);
    if (spans.includes(document.activeElement)) spans[to].focus();
  });

  document.documentElement.classList.add("live");
  const known = units.map((unit, index) => [unit.dip ? unit.delta : 0, index]);
  choose(known.reduce((least, each) => (each[0] < least[0] ? each : least))[1]);
})();
