// What the Compare page shows of a comparison. Runs once, when the component is mounted, with Gradio's
// `element`, `props`, `watch` and `trigger`, behind nodes.js. Text from people is only ever set as textContent;
// nothing is built from HTML.
// One entry (A to E) can be chosen: its curve, its row and its dips stand out, the other curves step back.

// The symbols of the curves, in the order of the letters.
const SYMBOLS = ["●", "■", "◆", "✚", "★"];

let view = null;
let chosen = null;
let hovered = null;

// ---------------------------------------------------------------- choosing an entry

const nameOf = (trace) => trace.__data__?.[0]?.trace?.name ?? "";
const mark = () => {
  const lit = hovered ?? chosen;
  for (const node of document.querySelectorAll("#compare-results [data-letter]")) {
    node.classList.toggle("cmp-hovered", node.dataset.letter === hovered);
    node.classList.toggle("cmp-chosen", node.dataset.letter === chosen);
  }
  for (const key of document.querySelectorAll("#compare-table .cmp-key")) {
    key.setAttribute("aria-pressed", String(key.dataset.key === chosen));
  }
  const plot = document.querySelector("#compare-plot .js-plotly-plot");
  if (!plot || !view) return;
  const series = Object.fromEntries(view.rows.map((row) => [row.letter, row.series]));
  for (const trace of plot.querySelectorAll(".scatterlayer .trace")) {
    const [letter, kind] = nameOf(trace).split(" ");
    trace.classList.add(kind ? "cmp-dips" : `cmp-s${series[letter]}`);
    trace.classList.toggle("cmp-back", lit !== null && letter !== lit);
    trace.classList.toggle("cmp-front", letter === lit);
  }
  for (const label of plot.querySelectorAll(".annotation")) {
    const letter = plot.layout?.annotations?.[Number(label.dataset.index)]?.name;
    label.classList.add(`cmp-s${series[letter]}`);
    label.classList.toggle("cmp-back", lit !== null && letter !== lit);
  }
};
const choose = (letter) => {
  chosen = letter === chosen ? null : letter;
  mark();
};
const hover = (letter) => {
  if (letter === hovered) return;
  hovered = letter;
  mark();
};
const links = (letter) => ({
  "data-letter": letter,
  // A finger does not hover: what it has touched would stay lit.
  onpointerenter: (event) => { if (event.pointerType === "mouse") hover(letter); },
  onpointerleave: () => hover(null),
});

// ---------------------------------------------------------------- the parts

const key = (row) => h("span", { class: `cmp-mark cmp-s${row.series}` },
  h("span", { class: "cmp-symbol", "aria-hidden": "true" }, SYMBOLS[row.series - 1]), row.letter);
const picture = (row) =>
  (row.thumbnail ? h("img", { class: "cmp-thumb", src: row.thumbnail, alt: "" }) : null);

const showNotices = () => {
  const notices = (view?.notices ?? []).map((text) => h("p", { class: "lens-note" }, text));
  host("compare-notices").replaceChildren(...notices);
};

const COLUMNS = [
  ["SPECS", "score"], ["cosine", "cosine"], ["words", "words"], ["tokens", "tokens"], ["units", "units"],
  ["dips", "count"], ["F-CLIP ×10⁻³", "f_clip"],
];
const deepest = (row) => {
  if (row.deepest === null) return h("span", { class: "lens-k" }, "no dips");
  const dip = row.dips[row.deepest];
  return h("span", { class: "cmp-deepest" }, h("span", { class: "lens-k" }, "deepest dip "),
    h("b", { class: "lens-dip" }, `▼ ${dip.delta} `),
    h("span", { class: "cmp-words", dir: "auto" }, dip.text));
};
// Of captions that begin alike, the beginning and what is their own stand in a line each.
const title = (row) => (row.own_words
  ? h("span", { class: "cmp-text cmp-two", title: row.title },
    h("span", { dir: "auto" }, row.title),
    h("span", { class: "cmp-own", dir: "auto" }, `… ${row.own_words}`))
  : h("span", { class: "cmp-text", dir: "auto", title: row.title }, row.title));
const entry = (row) => {
  const values = { ...row, count: String(row.dips.length) };
  const numbers = COLUMNS.map(([name, from]) => {
    const cell = h("td", { class: "lens-n", "data-k": name }, values[from]);
    if (from === "score") {
      cell.classList.add("cmp-score");
      if (row.best) cell.append(" ", h("span", { class: "cmp-best" }, "best"));
    }
    const add = (words, title) => cell.append(h("span", { class: "lens-k", title }, words));
    if (from === "tokens" && row.over) add(" (not all read)");
    if (from === "f_clip" && row.f_clip_note) add(" *", row.f_clip_note);
    return cell;
  });
  const openIt = (event) => {
    event.stopPropagation();
    trigger("open_entry", { letter: row.letter });
  };
  const open = h("button", { type: "button", class: "lens-button cmp-open", "data-open": row.letter,
    "aria-label": `Open ${row.letter} in Inspect`, onclick: openIt }, "Open in Inspect →");
  return h("tbody", { class: "cmp-entry", onclick: () => choose(row.letter), ...links(row.letter) },
    h("tr", {},
      h("th", { scope: "row" },
        h("div", { class: "cmp-title" },
          h("button", { type: "button", class: "cmp-key", "data-key": row.letter, "aria-pressed": "false",
            "aria-label": `Highlight ${row.letter}`, title: "Highlight this curve" }, key(row)),
          picture(row), title(row))),
      ...numbers),
    h("tr", { class: "cmp-more" }, h("td", { colspan: String(COLUMNS.length + 1) },
      h("div", { class: "cmp-more-row" }, deepest(row), open))));
};
const showTable = () => {
  const head = h("thead", {}, h("tr", {},
    h("th", { scope: "col" }, view.kind === "captions" ? "caption" : "image"),
    ...COLUMNS.map(([name]) => h("th", { scope: "col", class: "lens-n" }, name))));
  const said = view.kind === "captions"
    ? "SPECS is the score of the whole caption; the number of words stands beside it because longer " +
      "captions are often preferred for their length alone."
    : "SPECS is the score of the caption on that image.";
  host("compare-table").replaceChildren(
    h("table", { class: "lens-table cmp-table" }, head, ...view.rows.map(entry)),
    h("p", { class: "lens-k cmp-foot" },
      `By ${view.model}. ${said} F-CLIPScore is at most 0, and higher is better. ` +
      "Click a row to keep its curve in front."));
};

const DEEPEST = { class: "cmp-is-deepest" };
const showDips = () => {
  const counted = (dips) => (dips.length === 1 ? "1 dip" : dips.length ? `${dips.length} dips` : "no dips");
  const attributes = (row) => ({
    class: "cmp-column", "aria-label": `Dips of ${row.letter}`, ...links(row.letter),
  });
  const columns = view.rows.map((row) => h("section", attributes(row),
    h("div", { class: "cmp-column-head" }, key(row), h("span", { class: "lens-k" }, counted(row.dips))),
    row.dips.length
      ? h("ol", {}, ...row.dips.map((dip, index) => h("li", index === row.deepest ? DEEPEST : {},
          h("span", { class: "lens-dip" }, `▼ ${dip.delta}`), " ",
          h("span", { class: "lens-k" }, `unit ${dip.number}`), h("br"),
          h("span", { class: "cmp-dip", dir: "auto" }, dip.text))))
      : h("p", { class: "lens-k" }, view.threshold ? `No unit lowers the similarity by more than ${view.threshold.toFixed(3)}.` : "No unit lowers the similarity.")));
  host("compare-dips").replaceChildren(
    h("div", { class: "cmp-head" }, "Dips side by side"),
    h("div", { class: "cmp-columns" }, ...columns),
    ...(view.threshold ? [h("p", { class: "lens-k cmp-foot" },
      `A dip is a fall of more than ${view.threshold.toFixed(3)}, the default threshold of ${view.model}.`)] : []));
};

const showDownloads = () => {
  // The mark at the start tells spreadsheets that the file is UTF-8.
  host("compare-downloads").replaceChildren(
    h("button", { type: "button", class: "lens-button", id: "compare-csv",
      onclick: () => save(`\ufeff${view.csv}`, "text/csv;charset=utf-8", "specs-comparison.csv") }, "CSV"),
    h("button", { type: "button", class: "lens-button", id: "compare-json",
      onclick: () => save(view.json, "application/json", "specs-comparison.json") }, "JSON"));
};

// ---------------------------------------------------------------- the curves

const letterOf = (plot, event) => {
  const name = plot.data?.[event?.points?.[0]?.curveNumber]?.name;
  return typeof name === "string" ? name[0] : null;
};
const bindPlot = (plot) => {
  plot.on("plotly_click", (event) => choose(letterOf(plot, event)));
  plot.on("plotly_hover", (event) => hover(letterOf(plot, event)));
  plot.on("plotly_unhover", () => hover(null));
  plot.on("plotly_afterplot", mark);
  mark();
};

// ---------------------------------------------------------------- together

const show = () => {
  const next = props.value && typeof props.value === "object" ? props.value : null;
  const isNew = next?.serial !== view?.serial;
  view = next;
  if (isNew) { chosen = null; hovered = null; }
  document.body.classList.toggle("cmp-has-result", view !== null);
  showNotices();
  if (view) {
    showTable();
    showDips();
    showDownloads();
  }
  mark();
  // In one column the curves lie below the fold of whoever has just pressed Compare.
  if (view && isNew) setTimeout(() => bringIntoSight("compare-curve-card"), 60);
};
document.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
  if (!event.target.closest?.("#compare-inputs textarea")) return;
  event.preventDefault();
  // The field hands its text over when it is left.
  event.target.blur();
  setTimeout(() => { document.getElementById("compare-button")?.click(); event.target.focus(); }, 30);
});
const start = () => {
  if (!["compare-notices", "compare-table", "compare-dips", "compare-downloads"].every(host)) {
    setTimeout(start, 30);
    return;
  }
  show();
  watchPlot("compare-plot", bindPlot);
};
start();
watch("value", show);
