// The plot of one metric against people: what it shows, the card beside it, and the points as a table. Texts are set
// as textContent. Gradio draws the plot anew on every change, so it is bound again then. Captions are fetched when they
// are wanted. This file stands behind nodes.js and shares its scope.

const PLOT = "analyse-plot";
const VIEWS = [["scatter", "Scatter"], ["residuals", "Residuals"], ["histograms", "Histograms"]];
let shown = { points: [], rows: [], view: "scatter", metrics: [], metric: "" };
let rows = [];
let pinned = null;
let looked = null;       // the point whose card is shown
const known = new Map(); // what was fetched, by item

const fetchCard = async (item) => {
  if (!known.has(item)) {
    known.set(item, fetch(`/analysis/items/${item}`).then(async (reply) => {
      const told = await reply.json();
      if (!reply.ok) throw new Error(told.problem);
      return told;
    }));
    known.get(item).catch(() => known.delete(item));
  }
  return known.get(item);
};

// ---------------------------------------------------------------- the card

const card = h("div", { class: "an-card", id: "analyse-card-body", "aria-live": "polite" });
const image = h("img", { alt: "Image of the chosen point" });
const caption = h("p", { class: "ra-caption", dir: "auto", tabindex: "0" });
const facts = h("div", {});
const open = h("button", { type: "button", class: "ra-btn", id: "analyse-open", onclick: () => openOnInspect(looked) }, "Open on Inspect →");
image.addEventListener("error", () => { image.hidden = true; });

const touches = () => matchMedia("(hover: none)").matches;
const idle = () => {
  looked = null;
  card.replaceChildren(h("p", { class: "ra-soft an-hint" }, touches()
    ? "Tap a mark to see its image and caption." : "Point at a mark to see its image and caption; a click opens it on Inspect."));
};
const mark = (index) => {
  document.querySelectorAll(`#${PLOT} .scatterlayer .trace:first-child .point`).forEach((path, at) => {
    path.classList.toggle("an-on", at === index);
  });
  rows.forEach(({ node, point }) => node.classList.toggle("ra-current", point === index));
};
const fact = (name, text) => h("div", { class: "ra-row" }, h("span", {}, name), h("b", {}, text));
const show = async (index) => {
  const point = shown.points[index];
  if (!point) return;
  const changes = looked !== index;
  looked = index;
  mark(index);
  if (!changes && card.contains(open)) return;
  facts.replaceChildren(fact(shown.label, point[1]), fact(`human ${shown.question}`, point[2]), fact("ratings", String(point[3])));
  try {
    const told = await fetchCard(point[0]);
    if (looked !== index) return;
    image.hidden = false;
    if (image.getAttribute("src") !== told.image) image.src = told.image;
    caption.textContent = told.caption;
    if (told.system) facts.append(fact("system", told.system));
    card.replaceChildren(image, caption, facts, open);
  } catch (error) {
    if (looked === index) card.replaceChildren(h("p", { class: "ra-soft" }, error.message || "This caption cannot be read."), facts);
  }
};
const hide = () => {
  if (pinned !== null) { show(pinned); return; }
  mark(-1);
  idle();
};
const openOnInspect = (index) => {
  const point = shown.points[index];
  if (point) trigger("open_item", { item: point[0], model: "", units: "", threshold: "" });
};
const choosePoint = (index) => {
  if (!touches()) { openOnInspect(index); return; }
  pinned = index;
  show(index);
};

// ---------------------------------------------------------------- the head: which metric, which view

const pick = h("select", { id: "analyse-metric", "aria-label": "Metric", onchange: (event) =>
  document.dispatchEvent(new CustomEvent("lens-analyse", { detail: { metric: event.target.value } })) });
const views = h("div", { class: "lens-seg an-views", role: "radiogroup", "aria-label": "View" },
  ...VIEWS.map(([name, label]) => h("label", {},
    h("input", { type: "radio", name: "analyse-view", value: name, onchange: () => trigger("view", { view: name }) }), h("span", {}, label))));
const drawHead = () => {
  const head = host("analyse-scatter-head");
  if (!head) { setTimeout(drawHead, 30); return; }
  if (!head.childElementCount) {
    head.append(h("label", { class: "an-against" }, pick, h("span", {}, " against people")), views);
  }
  pick.replaceChildren(...shown.metrics.map(([name, label]) => h("option", { value: name }, label)));
  pick.value = shown.metric;
  views.querySelectorAll("input").forEach((input) => { input.checked = input.value === shown.view; });
};

// ---------------------------------------------------------------- the points as a table

const list = h("div", { class: "an-points" });
const count = h("p", { class: "ra-soft", id: "analyse-drawn" });
const more = h("details", { class: "an-more" }, h("summary", {}, "The points as a table"), list);
const drawList = () => {
  rows = shown.rows.map(([point, text]) => {
    const [, score, human] = shown.points[point];
    const node = h("button", { type: "button", class: "an-point",
      "aria-label": `${shown.label} ${score}, human ${shown.question} ${human}: ${text}` },
      h("span", { class: "an-words" }, text), h("span", {}, score), h("span", {}, human));
    node.addEventListener("focus", () => show(point));
    node.addEventListener("blur", (event) => { if (!card.contains(event.relatedTarget)) hide(); });
    // A row that scrolls under a resting mouse must not take the card from the one that the keyboard is on.
    const byMouse = (action) => () => { if (!list.contains(document.activeElement)) action(); };
    node.addEventListener("mouseenter", byMouse(() => show(point)));
    node.addEventListener("mouseleave", byMouse(hide));
    node.addEventListener("click", () => choosePoint(point));
    return { node, point };
  });
  list.replaceChildren(h("div", { class: "an-point an-point-head" }, h("span", { class: "an-words" }, shown.rowsTold ?? ""),
    h("span", {}, shown.label ?? ""), h("span", {}, "people")), ...rows.map(({ node }) => node));
  more.hidden = rows.length === 0;
  count.textContent = shown.told ?? "";
};

// ---------------------------------------------------------------- together

const bind = (plot) => {
  const index = (event) => {
    const point = event.points?.[0];
    return shown.view === "histograms" || point?.curveNumber !== 0 ? undefined : point.pointIndex;
  };
  plot.on("plotly_hover", (event) => { if (!touches()) show(index(event)); });
  plot.on("plotly_unhover", () => { if (!touches()) hide(); });
  plot.on("plotly_click", (event) => { if (index(event) !== undefined) choosePoint(index(event)); });
  if (looked !== null) mark(looked);
};
const apply = () => {
  const told = props.value ?? {};
  const isOther = told.serial !== shown.serial;
  shown = { points: [], rows: [], view: "scatter", metrics: [], metric: "", ...told };
  drawHead();
  card.hidden = shown.view === "histograms";
  if (!isOther) return;
  pinned = null;
  drawList();
  idle();
};

element.replaceChildren(card, h("div", { class: "an-foot" }, count, more));
watchPlot(PLOT, bind);
watch("value", apply);
apply();
