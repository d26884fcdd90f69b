// What the Inspect page shows of one scored caption. Runs once, when the component is mounted, with Gradio's
// `element`, `props` and `watch`. Text from people is only ever set as textContent; nothing is built from HTML.
// One unit is chosen at a time: in the curve, in the caption and in the table at once.

const host = (id) => document.querySelector(`#${id} .lens-host`);
const h = (tag, attributes = {}, ...children) => {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value !== false && value !== null && value !== undefined) node.setAttribute(name, value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
};

let view = null;
let chosen = null;
let hovered = null;

const inRange = (index) => Number.isInteger(index) && view !== null && index >= 0 && index < view.units.length;

// ---------------------------------------------------------------- choosing a unit

const mark = () => {
  for (const node of document.querySelectorAll("#inspect-results [data-unit]")) {
    const index = Number(node.dataset.unit);
    node.classList.toggle("lens-chosen", index === chosen);
    node.classList.toggle("lens-hovered", index === hovered);
    if (node.getAttribute("role") === "option") {
      node.setAttribute("aria-selected", String(index === chosen));
      node.tabIndex = index === (chosen ?? 0) ? 0 : -1;
    }
  }
  for (const band of document.querySelectorAll("#curve .shapelayer path[data-index]")) {
    const index = Number(band.dataset.index);
    band.classList.toggle("lens-band-chosen", index === chosen);
    band.classList.toggle("lens-band-hovered", index === hovered && index !== chosen);
  }
};
const choose = (index) => {
  if (!inRange(index)) return;
  chosen = index;
  showDetails();
  mark();
};
const hover = (index) => {
  if (index === hovered) return;
  hovered = index;
  mark();
};
const chooseByKey = (event) => {
  const last = view.units.length - 1;
  const now = chosen ?? 0;
  const steps = {
    ArrowRight: now + 1, ArrowDown: now + 1, ArrowLeft: now - 1, ArrowUp: now - 1, Home: 0, End: last,
    Enter: Number(event.target.dataset.unit), " ": Number(event.target.dataset.unit),
  };
  if (!(event.key in steps) || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  choose(Math.min(Math.max(steps[event.key], 0), last));
  document.querySelector(`#units [data-unit="${chosen}"]`)?.focus();
};
const links = (index) => ({
  "data-unit": index,
  onclick: () => choose(index),
  onmouseenter: () => hover(index),
  onmouseleave: () => hover(null),
});

// ---------------------------------------------------------------- the parts

const figure = (name, value, big) =>
  h("span", {}, h("span", { class: "lens-k" }, name), " ", h("span", { class: big ? "lens-big" : "lens-v" }, value));

const showHeadline = () => {
  const values = view ?? { score: "—", cosine: "—", tokens: "—", units: null, dips: "", has_dips: false };
  const count = figure("units", values.units ? String(values.units.length) : "—");
  const tokens = figure("tokens", values.tokens);
  if (values.over) tokens.append(h("span", { class: "lens-k" }, " (not all read)"));
  host("headline").replaceChildren(
    h("div", { class: "lens-headline" }, figure("SPECS", values.score, true), figure("cosine", values.cosine), tokens,
      count, h("span", { class: values.has_dips ? "lens-dip" : "lens-k" }, values.dips),
      view ? h("span", { class: "lens-k lens-by" }, `by ${view.model}`) : null));
};

const showNotices = () => {
  host("notices").replaceChildren(...(view?.notices ?? []).map((text) => h("p", { class: "lens-note" }, text)));
};

const showCaption = () => {
  const into = host("units");
  if (!view) {
    into.replaceChildren(h("p", { class: "lens-k" },
      "Your caption appears here, cut into its detail units. Dips stand out: a wavy line under the words and a " +
      "triangle in the curve. Choose a unit in either to see both."));
    return;
  }
  const list = h("div", { class: "lens-caption", role: "listbox", "aria-label": "Detail units of the caption", dir: "auto" });
  view.units.forEach((unit, index) => {
    const text = unit.text.replace(/\s+$/u, "");
    const state = unit.dip ? "lens-u lens-u-dip" : unit.beyond ? "lens-u lens-u-beyond" : "lens-u";
    const spoken = `Unit ${index + 1}: ${text}. ${unit.beyond ? "Beyond the model's tokens." : `Delta ${unit.delta}.`}` +
      (unit.dip ? " A dip." : "");
    // The number stays on the line of the first word.
    const [first] = text.match(/^\S{0,40}/u);
    list.append(
      h("span", { class: state, role: "option", "aria-label": spoken, onkeydown: chooseByKey, ...links(index) },
        h("span", { class: "lens-first" }, h("sup", { "aria-hidden": "true" }, String(index + 1)), first),
        text.slice(first.length)),
      unit.text.slice(text.length) || " ");
  });
  into.replaceChildren(list);
};

const showDetails = () => {
  const into = host("details");
  if (!inRange(chosen)) {
    into.replaceChildren(h("p", { class: "lens-k" }, "Choose a unit in the caption or in the curve."));
    return;
  }
  const unit = view.units[chosen];
  const line = h("p", { class: "lens-unit-line" }, h("b", { dir: "auto" }, `${chosen + 1} · ${unit.text.trim()}`));
  if (!unit.beyond) {
    line.append(" ",
      h("span", { class: unit.dip ? "lens-dip" : "lens-v" }, `${unit.dip ? "▼ " : ""}${unit.delta === "—" ? "no delta" : unit.delta}`),
      " ", h("span", { class: "lens-k" }, `cosine ${unit.cosine} · ${unit.tokens} token${unit.tokens === 1 ? "" : "s"}`));
  }
  into.replaceChildren(
    h("div", { "aria-live": "polite" }, line, h("p", { class: "lens-k" }, unit.explanation)));
};

const showTable = () => {
  const head = h("tr", {}, h("th", { scope: "col" }, "#"), h("th", { scope: "col" }, "unit"),
    h("th", { scope: "col", class: "lens-n" }, "cosine"), h("th", { scope: "col", class: "lens-n" }, "delta"),
    h("th", { class: "lens-bar-cell", "aria-hidden": "true" }));
  const rows = view.units.map((unit, index) => {
    const bar = h("i", { class: unit.dip ? "lens-bar lens-bar-dip" : unit.falls ? "lens-bar lens-bar-falls" : "lens-bar" });
    bar.style.width = `${Math.round(unit.bar * 100)}%`;
    return h("tr", { class: unit.dip ? "lens-row-dip" : null, ...links(index) },
      h("td", { class: "lens-k" }, String(index + 1)), h("td", { class: "lens-unit-text", dir: "auto" }, unit.text.trim()),
      unit.beyond ? h("td", { class: "lens-k lens-n", colspan: "2" }, "beyond the context") : h("td", { class: "lens-n" }, unit.cosine),
      unit.beyond ? null : h("td", { class: unit.dip ? "lens-n lens-dip" : "lens-n" }, unit.dip ? `▼ ${unit.delta}` : unit.delta),
      h("td", { class: "lens-bar-cell", "aria-hidden": "true" }, bar));
  });
  host("units-table").replaceChildren(h("table", { class: "lens-table" }, h("thead", {}, head), h("tbody", {}, ...rows)));
};

const save = (text, type, name) => {
  const link = h("a", { href: URL.createObjectURL(new Blob([text], { type })), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
};
const showDownloads = () => {
  host("downloads").replaceChildren(
    h("button", { type: "button", class: "lens-button", id: "download-csv",
      onclick: () => save(view.csv, "text/csv", "specs-curve.csv") }, "CSV"),
    h("button", { type: "button", class: "lens-button", id: "download-json",
      onclick: () => save(view.json, "application/json", "specs-curve.json") }, "JSON"));
};

// ---------------------------------------------------------------- the curve

const unitOf = (event) => event?.points?.find((point) => point.curveNumber === 0)?.pointNumber ?? null;
const bindPlot = () => {
  const plot = document.querySelector("#curve .js-plotly-plot");
  if (!plot || typeof plot.on !== "function" || plot.dataset.lensBound) return;
  plot.dataset.lensBound = "yes";
  plot.on("plotly_click", (event) => choose(unitOf(event)));
  plot.on("plotly_hover", (event) => hover(unitOf(event)));
  plot.on("plotly_unhover", () => hover(null));
  plot.on("plotly_afterplot", mark);
  mark();
};
const watchPlot = () => {
  const curve = document.getElementById("curve");
  if (!curve) { setTimeout(watchPlot, 60); return; }
  new MutationObserver(bindPlot).observe(curve, { childList: true, subtree: true });
  bindPlot();
};

// ---------------------------------------------------------------- together

const deepestDip = () => {
  let deepest = null;
  view.units.forEach((unit, index) => {
    if (unit.dip && (deepest === null || unit.bar > view.units[deepest].bar)) deepest = index;
  });
  return deepest;
};
// In one column the curve lies below the fold of whoever has just pressed Score, and above the units.
const bringIntoSight = () => {
  const card = document.getElementById("curve-card");
  const { top, bottom, height } = card.getBoundingClientRect();
  if (Math.min(bottom, innerHeight) - Math.max(top, 0) > 0.75 * Math.min(height, innerHeight)) return;
  const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
  card.scrollIntoView({ block: "start", behavior: calm ? "auto" : "smooth" });
};
// The editor closes and the plot is drawn only now, and both move the curve: it is kept in sight until the
// page rests or the reader takes over.
const followCurve = () => {
  const over = new AbortController();
  const resized = new ResizeObserver(bringIntoSight);
  over.signal.addEventListener("abort", () => resized.disconnect());
  const until = { signal: over.signal, passive: true };
  for (const event of ["wheel", "touchstart", "keydown", "pointerdown"]) addEventListener(event, () => over.abort(), until);
  addEventListener("scrollend", bringIntoSight, until);
  resized.observe(document.body);
  setTimeout(() => over.abort(), 2000);
};
const show = () => {
  const next = props.value && typeof props.value === "object" ? props.value : null;
  const isNew = next?.serial !== view?.serial;
  view = next;
  if (isNew) chosen = view ? deepestDip() : null;
  showHeadline();
  showNotices();
  showCaption();
  document.body.classList.toggle("lens-has-result", view !== null);
  if (view) {
    showDetails();
    showTable();
    showDownloads();
  }
  mark();
  if (view && isNew) followCurve();
};
const start = () => {
  if (!host("headline") || !host("units") || !host("downloads")) { setTimeout(start, 30); return; }
  show();
  watchPlot();
};
start();
watch("value", show);
