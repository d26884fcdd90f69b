// The parts of the Inspect page that show a scored caption. Text from people is only ever set as textContent; nothing
// is built from HTML. This file and those named behind it in pages/inspect.py share one scope and run once, when the
// component is mounted, with Gradio's `element`, `props` and `watch`, behind nodes.js.

const pressable = (id, label, act, attributes = {}) =>
  h("button", { type: "button", class: "lens-button", id, onclick: act, ...attributes }, label);

// What is on the page. `base` is the scored caption, `edited` a changed one while there are changes, `evidence` what
// was gathered of the scored one; `view` is the one that is shown.
let base = null;
let edited = null;
let evidence = null;
let view = null;
let chosen = null;
let hovered = null;
let wordsShaded = true;

const inRange = (index) => Number.isInteger(index) && view !== null && index >= 0 && index < view.units.length;
// Evidence is of the scored caption and is not shown of a changed one.
const proof = (index) => (edited || !evidence || evidence.serial !== base?.serial ? null : evidence.units[index] ?? null);

// ---------------------------------------------------------------- headline and notices

const figure = (name, value, big) =>
  h("span", {}, h("span", { class: "lens-k" }, name), " ", h("span", { class: big ? "lens-big" : "lens-v" }, value));

const showHeadline = () => {
  const values = view ?? { score: "—", cosine: "—", tokens: "—", units: null, dips: "", has_dips: false };
  const count = figure("units", values.units ? String(values.units.filter((unit) => !unit.off).length) : "—");
  const tokens = figure("tokens", values.tokens);
  if (values.over) tokens.append(h("span", { class: "lens-k" }, " (not all read)"));
  const score = figure("SPECS", values.score, true);
  if (edited) score.append(h("span", { class: "lens-k", id: "score-before" }, ` was ${edited.was} (${edited.change})`));
  const line = h("div", { class: "lens-headline" }, score, figure("cosine", values.cosine), tokens, count,
    h("span", { class: values.has_dips ? "lens-dip" : "lens-k" }, values.dips));
  if (view && !edited && evidence?.serial === base.serial && evidence.f_clip_score) {
    const clip = figure("F-CLIPScore", evidence.f_clip_score);
    clip.id = "f-clip-score";
    clip.title = "What the words that the image speaks against add up to; 0 is best (CLIP4DM).";
    line.append(clip);
  }
  if (view) line.append(h("span", { class: "lens-k lens-by" }, `by ${view.model}`));
  host("headline").replaceChildren(line);
};

const showNotices = () => {
  const notices = [...(view?.notices ?? [])];
  if (!edited && evidence?.serial === base?.serial && evidence?.note) notices.push(evidence.note);
  host("notices").replaceChildren(...notices.map((text) => h("p", { class: "lens-note" }, text)));
};

// ---------------------------------------------------------------- the caption

// A unit's text, its words shaded by what they add: [text, shade, misaligned, value] each.
const shaded = (pieces) => pieces.map(([text, shade, misaligned, value]) => {
  if (shade === null || !wordsShaded) return text;
  const word = h("span", { class: `lens-word-${shade < 0 ? "against" : "for"}${misaligned ? " lens-misaligned" : ""}`,
    title: `${value} ×10⁻⁴${misaligned ? ", misaligned" : ""}` }, text);
  word.style.setProperty("--shade", Math.abs(shade).toFixed(3));
  return word;
});
const unitNode = (unit, index) => {
  const text = unit.text.replace(/\s+$/u, "");
  const known = proof(index);
  const kinds = ["lens-u", unit.dip && "lens-u-dip", unit.beyond && "lens-u-beyond", unit.off && "lens-u-off",
    unit.change && "lens-u-changed", known?.uncertain && "lens-u-unsure"];
  const said = unit.off ? "Switched off." : unit.beyond ? "Beyond the model's tokens." : `Delta ${unit.delta}.`;
  const spoken = `Unit ${index + 1}: ${text}. ${said}${unit.dip ? " A dip." : ""}${known?.uncertain ? " Uncertain." : ""}`;
  // The number stays on the line of the first word.
  const [first] = text.match(/^\S{0,40}/u);
  const number = h("sup", { "aria-hidden": "true" }, String(index + 1), known?.uncertain ? h("b", { class: "lens-unsure" }, "?") : null);
  const attributes = { class: kinds.filter(Boolean).join(" "), role: "option", "aria-label": spoken, onkeydown: keyOnUnit,
    ondblclick: () => startEdit(index), ...links(index) };
  if (known?.pieces.length && wordsShaded) {
    const parts = shaded(trimmedPieces(known.pieces));
    return h("span", attributes, h("span", { class: "lens-first" }, number, parts[0]), ...parts.slice(1));
  }
  return h("span", attributes, h("span", { class: "lens-first" }, number, first), text.slice(first.length));
};
const trimmedPieces = (pieces) => {
  const kept = pieces.map((piece) => [...piece]);
  const last = kept.at(-1);
  last[0] = last[0].replace(/\s+$/u, "");
  return kept;
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
    const space = unit.text.slice(unit.text.replace(/\s+$/u, "").length) || " ";
    if (editing?.row === index && !editing.isNew) list.append(editField(), space);
    else list.append(unitNode(unit, index), space);
    if (editing?.row === index && editing.isNew) list.append(editField(), " ");
  });
  into.replaceChildren(list);
  const tools = h("div", { class: "lens-caption-tools" },
    h("label", { class: "lens-check" }, h("input", { type: "checkbox", id: "words-shaded", checked: wordsShaded ? "" : null,
      onchange: (event) => { wordsShaded = event.target.checked; showCaption(); mark(); rememberView(); } }), " shade words"),
    h("span", { class: "lens-k", id: "evidence-step", role: "status" }));
  into.append(tools);
  showStep();
};
const showStep = () => {
  const step = evidence?.serial === base.serial ? evidence.step : null;
  document.getElementById("evidence-step").textContent =
    edited ? "Words and left-out values are those of the scored caption; score this one to see its own."
      : !evidence || evidence.serial !== base.serial ? "Reading the words …"
      : step ? `Leaving out each unit in turn: ${step[0]} of ${step[1]} …` : "";
};

// ---------------------------------------------------------------- details of the chosen unit

const strongest = (known) => {
  const words = known.pieces.filter(([, shade]) => shade !== null).sort((a, b) => a[1] - b[1]).slice(0, 3);
  return words.length ? `Words, lowest first: ${words.map(([text, , , value]) => `${text} ${value}`).join(", ")} (×10⁻⁴).` : "";
};
const showDetails = () => {
  const into = host("details");
  if (!inRange(chosen)) {
    into.replaceChildren(h("p", { class: "lens-k" }, "Choose a unit in the caption or in the curve."));
    showWhatIf();
    return;
  }
  const unit = view.units[chosen];
  const known = proof(chosen);
  const line = h("p", { class: "lens-unit-line" }, h("b", { dir: "auto" }, `${chosen + 1} · ${unit.text.trim()}`));
  if (unit.off) line.append(" ", h("span", { class: "lens-k" }, "switched off"));
  else if (!unit.beyond) {
    line.append(" ",
      h("span", { class: unit.dip ? "lens-dip" : "lens-v" },
        unit.delta === "—" ? "no delta" : `${unit.dip ? "▼ " : ""}${unit.delta} in order`));
    if (known) {
      line.append(h("span", { class: "lens-k" }, " · "),
        h("span", { class: known.against ? "lens-dip" : "lens-v", id: "details-gain" }, `${known.gain} left out`));
    }
    line.append(" ", h("span", { class: "lens-k" }, `cosine ${unit.cosine} · ${unit.tokens} token${unit.tokens === 1 ? "" : "s"}`));
    if (known?.uncertain) line.append(" ", h("span", { class: "lens-unsure-chip" }, "? uncertain"));
  }
  const sentence = [unit.explanation, known?.sentence, known && strongest(known)].filter(Boolean).join(" ");
  into.replaceChildren(h("div", { class: "lens-details" },
    h("div", { "aria-live": "polite" }, line, h("p", { class: "lens-k" }, sentence)), unitActions(unit)));
  showWhatIf();
};

// ---------------------------------------------------------------- the table and what can be taken away

const showTable = () => {
  const number = (text) => h("th", { scope: "col", class: "lens-n" }, text);
  const head = h("tr", {}, h("th", { scope: "col" }, "#"), h("th", { scope: "col" }, "unit"), number("cosine"),
    number("Δ in order"), number(edited ? "cosine before" : "Δ left out"), h("th", { class: "lens-bar-cell", "aria-hidden": "true" }));
  const rows = view.units.map((unit, index) => {
    const bar = h("i", { class: unit.dip ? "lens-bar lens-bar-dip" : unit.falls ? "lens-bar lens-bar-falls" : "lens-bar" });
    bar.style.width = `${Math.round(unit.bar * 100)}%`;
    const known = proof(index);
    const missing = unit.off ? "off" : unit.beyond ? "beyond the context" : null;
    const other = edited ? unit.was : known ? `${known.uncertain ? "? " : ""}${known.gain}` : "…";
    const kinds = [unit.dip && "lens-row-dip", unit.off && "lens-row-off"].filter(Boolean).join(" ");
    return h("tr", { class: kinds || null, ...links(index) },
      h("td", { class: "lens-k" }, String(index + 1)), h("td", { class: "lens-unit-text", dir: "auto" }, unit.text.trim()),
      missing ? h("td", { class: "lens-k lens-n", colspan: "2" }, missing) : h("td", { class: "lens-n" }, unit.cosine),
      missing ? null : h("td", { class: unit.dip ? "lens-n lens-dip" : "lens-n" }, unit.dip ? `▼ ${unit.delta}` : unit.delta),
      h("td", { class: known?.uncertain ? "lens-n lens-unsure" : known?.against ? "lens-n lens-dip" : "lens-n" }, other),
      h("td", { class: "lens-bar-cell", "aria-hidden": "true" }, bar));
  });
  host("units-table").replaceChildren(h("table", { class: "lens-table" }, h("thead", {}, head), h("tbody", {}, ...rows)));
};

// Of a scored caption with its evidence, where that is there.
const taken = (kind) => edited?.[kind] ?? (evidence?.serial === base.serial ? evidence[kind] : null) ?? base[kind];
const showDownloads = () => {
  host("downloads").replaceChildren(
    pressable("download-csv", "CSV", () => save(taken("csv"), "text/csv", "specs-curve.csv")),
    pressable("download-json", "JSON", () => save(taken("json"), "application/json", "specs-curve.json")),
    pressable("download-report", "Report", () => askReport(),
      { title: "One page that needs nothing else: image, curve, units, words and where the numbers come from" }),
    pressable("copy-link", "Copy link", () => shareView(), { title: "Stores image and caption on this server and copies the address of this view" }),
    h("span", { class: "lens-k", id: "share-note", role: "status" }));
};
