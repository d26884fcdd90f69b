// What is shown once a rating is in: of an item to learn on what was expected, and the curve with the rater's verdicts
// under it.

// As `signed` of app/views/curve.py: a small dip is not a dip of 0.
const signed = (number) => {
  const size = Math.abs(number);
  const digits = size === 0 || size >= 0.0005 ? size.toFixed(3) : size >= 0.0001 ? size.toFixed(4) : "<0.0001";
  return `${number < 0 ? "−" : "+"}${digits}`;
};

// The curve over the units, with the rater's verdicts under the axis. Every text in it is a number or one of our
// own words; the colours come from the style sheet, so that it follows light and dark.
const revealCurve = (curve, verdicts) => {
  const SVG = "http://www.w3.org/2000/svg";
  const s = (tag, attributes, ...children) => {
    const node = document.createElementNS(SVG, tag);
    for (const [name, given] of Object.entries(attributes)) node.setAttribute(name, String(given));
    node.append(...children);
    return node;
  };
  const dips = curve.dip.filter(Boolean).length;
  const count = curve.similarity.length;
  const fact = (name, text) => h("span", {}, h("span", { class: "ra-soft" }, `${name} `), h("b", {}, text));
  const facts = h("div", { class: "ra-facts" },
    h("span", {}, h("span", { class: "ra-soft" }, "SPECS "), h("b", { class: "ra-big" }, curve.score.toFixed(3))),
    fact("model", curve.model), fact("units", String(count)),
    h("b", { class: dips ? "ra-dip" : "ra-ok" }, dips ? `▼ ${dips} ${dips === 1 ? "dip" : "dips"}` : "no dip"));
  const holder = h("div", { class: "ra-curve", role: "img", "aria-label":
    `Cumulative similarity over ${count} units: ${curve.similarity.map((value, index) => value === null
      ? `${index + 1} beyond the context` : `${index + 1} ${value.toFixed(3)}${curve.dip[index] ? " dip" : ""}`).join(", ")}` });
  const draw = () => {
    const width = Math.max(260, holder.clientWidth);
    const height = 230;
    const left = 42, right = 14, top = 14, bottom = 52;
    const known = curve.similarity.filter((value) => value !== null);
    const low = Math.min(...known), high = Math.max(...known);
    const pad = Math.max(0.01, (high - low) * 0.12);
    const y = (value) => top + ((high + pad - value) / (high - low + 2 * pad)) * (height - top - bottom);
    const step = (width - left - right) / count;
    const x = (index) => left + step * (index + 0.5);
    const svg = s("svg", { width, height, viewBox: `0 0 ${width} ${height}`, "aria-hidden": "true" });
    for (let line = 0; line <= 3; line += 1) {
      const at = low - pad + ((high - low + 2 * pad) * line) / 3;
      svg.append(s("line", { x1: left, x2: width - right, y1: y(at), y2: y(at), class: "ra-grid" }),
        s("text", { x: left - 6, y: y(at) + 4, "text-anchor": "end" }, at.toFixed(2).replace("-", "−")));
    }
    const every = Math.ceil(22 / step);
    curve.similarity.forEach((value, index) => {
      if (curve.dip[index]) svg.append(s("rect", { x: x(index) - step / 2, y: top, width: step,
        height: height - top - bottom, class: "ra-band" }));
    });
    svg.append(s("polyline", { class: "ra-line", points: curve.similarity
      .map((value, index) => (value === null ? "" : `${x(index)},${y(value)}`)).join(" ") }));
    curve.similarity.forEach((value, index) => {
      const middle = x(index);
      if (index % every === 0) svg.append(
        s("text", { x: middle, y: height - bottom + 17, "text-anchor": "middle" }, String(index + 1)));
      const verdict = s("text", { x: middle, y: height - bottom + 37, "text-anchor": "middle",
        class: `ra-v-${verdicts[index]}` }, { supported: "✓", hallucinated: "✕", unsure: "?" }[verdicts[index]] ?? "");
      svg.append(verdict);
      if (value === null) return;
      const mark = curve.dip[index]
        ? s("path", { d: `M${middle - 7},${y(value) - 6}h14l-7,12z`, class: "ra-tri" })
        : s("circle", { cx: middle, cy: y(value), r: step < 14 ? 3 : 5, class: "ra-dot" });
      mark.append(s("title", {}, `unit ${index + 1}: similarity ${value.toFixed(3)}`
        + (curve.delta[index] === null ? "" : `, delta ${signed(curve.delta[index])}`)));
      svg.append(mark);
    });
    holder.replaceChildren(svg);
  };
  new ResizeObserver(draw).observe(holder);
  return [facts, holder, h("p", { class: "ra-soft" },
    `Similarity of the image and the caption up to each unit; ▼ marks a dip${curve.threshold
      ? `, a fall of more than ${curve.threshold.toFixed(3)}, the default of this model` : ""}.` + (verdicts.length
      ? " Below the axis, your verdicts: ✓ supported, ✕ hallucinated, ? unsure." : ""))];
};

// ---------------------------------------------------------------- items to learn on

const feedbackPart = (receipt) => {
  const checks = receipt.feedback;
  const right = checks.filter((check) => check.right).length;
  const words = (given) => (given === null ? "nothing" : Array.isArray(given)
    ? (given[0] === given[1] ? String(given[0]) : `${given[0]} to ${given[1]}`) : String(given));
  const subject = (check) => (check.unit === null
    ? view.questions.find((question) => question.name === check.question)?.label ?? check.question
    : view.units[check.unit]);
  return h("div", { class: "ra-feedback", id: "rate-feedback" },
    h("b", {}, checks.length ? `Training: ${right} of ${checks.length} as expected` : "Training"),
    ...checks.map((check) => h("div", { class: "ra-check", "data-right": check.right ? "yes" : "no" },
      h("span", { class: "ra-tick", "aria-hidden": "true" }, check.right ? "✓" : "✕"),
      h("span", { class: "ra-check-text" }, check.unit === null ? null : h("span", { class: "ra-number" }, `${check.unit + 1}`),
        h("span", { dir: "auto" }, subject(check))),
      h("span", {}, h("b", {}, words(check.given)), check.right ? " as expected"
        : h("span", { class: "ra-soft" }, ` · expected ${words(check.expected)}`)))),
    receipt.note ? h("p", { class: "ra-told", dir: "auto" }, receipt.note) : null);
};

// ---------------------------------------------------------------- the curve

let curve = null;
const reveal = async (mine) => {
  const reply = await ask("POST", "/rating/reveal", { item: mine.item }, { seconds: 0 });
  if (form !== mine) return;
  curve = isRefused(reply) ? { item: mine.item, problem: told(reply) } : reply;
  drawReveal();
};
const drawReveal = () => {
  const into = find("#rate-curve");
  if (!into || !curve || curve.item !== view.item) return;
  if (curve.problem) {
    const saved = form.receipt ? "The rating is saved. " : "";
    into.replaceChildren(h("p", { class: "ra-problem" }, `${saved}${curve.problem}`));
    return;
  }
  into.replaceChildren(...revealCurve(curve, form.verdicts));
  element.querySelectorAll("[data-mark]").forEach((mark, index) => {
    const delta = curve.delta[index];
    mark.textContent = delta === null || delta === undefined ? "" : `${curve.dip[index] ? "▼ " : ""}${signed(delta)}`;
    mark.classList.toggle("ra-dip", Boolean(curve.dip[index]));
  });
};
