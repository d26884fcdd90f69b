// The card beside the scatter: the image, caption and numbers of the point under the mouse, the finger or the
// keyboard. Texts are set as textContent. Gradio draws the plot anew on every change, so it is bound again then.

const PLOT = "#analyse-plot";
let points = [];
let rows = [];
let pinned = null;

const node = (tag, cls, ...children) => {
  const made = document.createElement(tag);
  if (cls) made.className = cls;
  made.append(...children);
  return made;
};

const card = node("div", "an-card");
card.id = "analyse-card-body";
card.setAttribute("aria-live", "polite");
const list = node("div", "an-points");
const download = node("button", "ra-btn", "Download CSV");
download.type = "button";
download.id = "analyse-csv";
download.addEventListener("click", () => {
  const link = node("a");
  // The mark at the start tells spreadsheets that the file is UTF-8.
  link.href = URL.createObjectURL(new Blob(["\ufeff", props.value.csv], { type: "text/csv;charset=utf-8" }));
  link.download = "specs-lens-points.csv";
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
});
const more = node("details", "an-more", node("summary", "", "The points as a table"), list);

const idle = () => card.replaceChildren(node("p", "ra-soft an-hint", points.length
  ? "Point at a mark to see its image and caption. Tap or click keeps it."
  : "The image and the caption of a point are shown here."));

const mark = (index) => {
  document.querySelectorAll(`${PLOT} .scatterlayer .point`).forEach((path, at) => {
    path.classList.toggle("an-on", at === index);
  });
  rows.forEach((row, at) => row.classList.toggle("ra-current", at === index));
};

const show = (index) => {
  const point = points[index];
  if (!point) return;
  const image = node("img");
  image.src = point.image;
  image.alt = "Image of the chosen point";
  const fact = (name, text) => node("div", "ra-row", node("span", "", name), node("b", "", text));
  const caption = node("p", "ra-caption", point.caption);
  caption.dir = "auto";
  caption.tabIndex = 0;
  card.replaceChildren(image, caption, fact("SPECS", point.score), fact("human overall", point.human),
    fact("ratings", String(point.ratings)));
  mark(index);
};

const hide = () => {
  if (pinned !== null) { show(pinned); return; }
  idle();
  mark(-1);
};

const pin = (index) => { pinned = pinned === index ? null : index; hide(); };

const bind = () => {
  const plot = document.querySelector(`${PLOT} .js-plotly-plot`);
  if (!plot || !plot.on || plot.dataset.lensBound) return;
  plot.dataset.lensBound = "1";
  const index = (event) => event.points?.[0]?.pointIndex;
  plot.on("plotly_hover", (event) => show(index(event)));
  plot.on("plotly_unhover", hide);
  plot.on("plotly_click", (event) => pin(index(event)));
  if (pinned !== null) mark(pinned);
};

const apply = () => {
  points = Array.isArray(props.value?.points) ? props.value.points : [];
  pinned = null;
  rows = points.map((point, index) => {
    const row = node("button", "an-point", node("span", "ra-number", String(index + 1)),
      node("span", "an-words", point.caption), node("span", "", point.score), node("span", "", point.human));
    row.type = "button";
    row.setAttribute("aria-label", `Point ${index + 1}: SPECS ${point.score}, human overall ${point.human}`);
    row.addEventListener("focus", () => show(index));
    row.addEventListener("blur", hide);
    // A row that scrolls under a resting mouse must not take the card from the one that the keyboard is on.
    const byMouse = (action) => () => { if (!list.contains(document.activeElement)) action(); };
    row.addEventListener("mouseenter", byMouse(() => show(index)));
    row.addEventListener("mouseleave", byMouse(hide));
    row.addEventListener("click", () => pin(index));
    return row;
  });
  list.replaceChildren(node("div", "an-point an-point-head", node("span", "ra-number", "#"),
    node("span", "an-words", "caption"), node("span", "", "SPECS"), node("span", "", "people")), ...rows);
  more.hidden = download.hidden = points.length === 0;
  idle();
  bind();
};

element.replaceChildren(card, node("div", "an-foot", more, download));
new MutationObserver(bind).observe(document.querySelector(PLOT) ?? document.body, { childList: true, subtree: true });
watch("value", apply);
apply();
