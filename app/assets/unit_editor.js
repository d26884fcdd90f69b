// The unit editor: the chooser of versions, the edit mode, and saving. Runs once, when the component is mounted, with
// Gradio's `element`, `props`, `watch` and `trigger`, behind the scripts that hold `makeSurface` and `drafts`.
//
// What a person has made is never thrown away here: a refusal, a lost answer, another scoring and a reload leave it.

const ANSWER_SECONDS = { apply_units: 120, choose_version: 120, save_units: 30 };
const box = element.querySelector(".lens-host");

let data = null;       // what the server says of the caption that is shown
let surface = null;    // the words under the hand, while one edits
let history = { caption: null, words: [], past: [], future: [] };
let waiting = null;    // what the server was asked for: its name and the timer that gives up
let problem = "";
let note = "";

const caption = () => data?.words.join("") ?? null;
const isUnsaved = () => data?.version === "unsaved";
const isDirty = () => surface !== null && !same(surface.list(), data.firsts);
const plural = (count, word) => `${count} ${word}${count === 1 ? "" : "s"}`;
const moment = (iso) => {
  const date = new Date(iso);
  const year = date.getFullYear() === new Date().getFullYear() ? {} : { year: "numeric" };
  return date.toLocaleString("en-GB", { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", ...year });
};
const versionLabel = (version) => (version.by ? `corrected by ${version.by}, ${moment(version.at)}` : `automatic (${version.name})`);

// ---------------------------------------------------------------- the parts

const spoken = make("p", { class: "lens-spoken", id: "unit-status", "aria-live": "polite" });
const say = (sentence) => {
  // The same sentence twice in a row would not be read a second time.
  spoken.textContent = spoken.textContent === sentence ? `${sentence}\u00a0` : sentence;
};
const button = (id, label, act, attributes = {}) =>
  make("button", { type: "button", class: "lens-button", id, onclick: act, ...attributes }, label);

const chooser = make("select", { id: "unit-version", "aria-label": "Version of the units", onchange: () => {
  problem = "";
  ask("choose_version", { version: chooser.value });
} });
const editButton = button("edit-units", "Edit units", () => startEditing(data.firsts));
const tools = {
  undo: button("unit-undo", "Undo", () => surface.undo(), { title: "Ctrl+Z" }),
  redo: button("unit-redo", "Redo", () => surface.redo(), { title: "Ctrl+Shift+Z" }),
  reset: button("unit-reset", "Reset to automatic", () => surface.reset()),
  cancel: button("unit-cancel", "Cancel", () => cancelEditing(), { title: "Escape" }),
  apply: button("unit-apply", "Apply", () => applyUnits(), { title: "Ctrl+Enter", class: "lens-button lens-primary" }),
  count: make("span", { class: "lens-k", id: "unit-count" }),
};
const head = make("div", { class: "lens-units-head" },
  make("span", { class: "lens-k" }, "Detail units"), tools.count, chooser, editButton);
const work = make("div", { id: "unit-work" });
const told = make("p", { class: "lens-note", role: "alert", id: "unit-problem" });
box.append(head, work, told, spoken);
const key = (...names) => names.map((name) => make("kbd", {}, name));
const hint = () => make("div", { class: "lens-k lens-unit-hint", id: "unit-hint" },
  make("p", {}, "Press a bar to join two units, press between two words to split, drag a bar to move it."),
  make("p", { class: "lens-keys" }, "Keys: ", ...key("Tab", "↑", "↓"), " to a bar, ", ...key("←", "→"), " move it, ", ...key("Del"),
    " joins, ", ...key("Enter"), " on to the next gap and there splits, ", ...key("Shift"), "+", ...key("←", "→"), " from gap to gap, ",
    ...key("Esc"), " cancels."));

const saveButton = button("unit-save", "Save units", () => saveUnits(), { class: "lens-button lens-primary" });
const saveForm = make("form", { class: "lens-unit-bar", id: "unit-save-form", onsubmit: (event) => { event.preventDefault(); saveUnits(); } });

// ---------------------------------------------------------------- what is shown

const refresh = () => {
  editButton.disabled = data === null || waiting !== null;
  chooser.disabled = waiting !== null;
  for (const one of [tools.reset, tools.cancel, saveButton]) one.disabled = waiting !== null;
  tools.undo.disabled = waiting !== null || history.past.length === 0;
  tools.redo.disabled = waiting !== null || history.future.length === 0;
  tools.apply.disabled = waiting !== null || surface === null || same(surface.list(), data.firsts);
  tools.apply.textContent = waiting?.name === "apply_units" ? "Drawing …" : "Apply";
  saveButton.textContent = waiting?.name === "save_units" ? "Saving …" : "Save units";
  tools.count.textContent = surface ? plural(surface.list().length + 1, "unit") : "";
  work.setAttribute("aria-busy", String(waiting !== null));
  told.textContent = problem;
  told.hidden = !problem;
};
const showChooser = () => {
  chooser.hidden = data === null || surface !== null;
  editButton.hidden = surface !== null;
  if (data === null) return;
  const options = data.versions.map((version) => [version.key, versionLabel(version)]);
  if (isUnsaved()) options.push(["unsaved", "yours, not saved"]);
  chooser.replaceChildren(...options.map(([value, label]) => make("option", { value }, label)));
  chooser.value = data.version;
};
const unfinished = () => {
  const kept = data && drafts.find(data.words);
  return kept && !same(kept, data.firsts) ? kept : null;
};
const bar = (...children) => make("div", { class: "lens-unit-bar" }, ...children);
const showWork = () => {
  if (data === null) { work.replaceChildren(...(note ? [make("p", { class: "lens-k" }, note)] : [])); return; }
  if (surface) {
    work.replaceChildren(
      make("div", { class: "lens-unit-tools", role: "toolbar", "aria-label": "Edit units" }, tools.undo, tools.redo, tools.reset),
      surface.node, hint(), make("div", { class: "lens-unit-tools" }, tools.apply, tools.cancel));
    return;
  }
  const parts = [];
  const kept = unfinished();
  if (kept) {
    parts.push(bar(make("span", {}, `You have unfinished units for this caption (${plural(kept.length + 1, "unit")}).`),
      button("unit-resume", "Continue editing", () => startEditing(kept)),
      button("unit-discard", "Discard", () => { drafts.drop(data.words); show(); editButton.focus(); say("Discarded."); })));
  }
  if (isUnsaved()) {
    saveForm.replaceChildren(make("span", {}, "The curve follows your units. They are not saved yet."), saveButton);
    parts.push(saveForm);
  }
  if (note) parts.push(make("p", { class: "lens-k", id: "unit-note" }, note));
  work.replaceChildren(...parts);
};
const show = () => {
  document.getElementById("caption-card")?.classList.toggle("lens-editing", surface !== null);
  showChooser();
  showWork();
  refresh();
};

// ---------------------------------------------------------------- editing

const noHistory = () => ({ caption: caption(), words: data.words, past: [], future: [] });
const openSurface = (firsts) => {
  surface = makeSurface({ words: data.words, firsts, automatic: data.automatic, past: history.past, future: history.future, say,
    changed: () => { drafts.keep(data.words, surface.list()); problem = ""; refresh(); } });
};
const startEditing = (firsts) => {
  if (!data || waiting) return;
  // The steps count words: of another caption, or of one that was divided otherwise, they mean others.
  if (history.caption !== caption() || !same(history.words, data.words)) history = noHistory();
  if (!same(firsts, data.firsts)) history.past.push(data.firsts);
  problem = note = "";
  openSurface(firsts);
  show();
  if (data.words.length < 2) say("This caption has one word and cannot be split.");
  else surface.focusFirst();
};
const stopEditing = () => {
  surface?.cancelDrag();
  surface = null;
};
const cancelEditing = () => {
  if (waiting) return;
  const dirty = isDirty();
  stopEditing();
  problem = "";
  show();
  (document.getElementById("unit-resume") ?? editButton).focus();
  say(dirty ? "Editing cancelled. Your unfinished units are kept until you discard them." : "Editing cancelled.");
};
const applyUnits = () => {
  if (!isDirty()) { say("Nothing has been changed."); return; }
  ask("apply_units", { firsts: surface.list() });
  say("Drawing the curve.");
};
const saveUnits = () => ask("save_units", {});

element.addEventListener("keydown", (event) => {
  if (!surface) return;
  if (event.key === "Escape") {
    event.preventDefault();
    if (!surface.cancelDrag()) cancelEditing();
    return;
  }
  if (!event.ctrlKey && !event.metaKey) return;
  const letter = event.key.toLowerCase();
  if (waiting || !["z", "y", "enter"].includes(letter)) return;
  event.preventDefault();
  if (letter === "enter") applyUnits();
  else if (letter === "y" || event.shiftKey) surface.redo();
  else surface.undo();
});
window.addEventListener("beforeunload", (event) => {
  if (isUnsaved() || isDirty()) event.preventDefault();
});

// ---------------------------------------------------------------- asking and being answered

const ask = (name, request) => {
  if (!data || waiting) return;
  problem = note = "";
  const timer = setTimeout(() => answered({ view: "problem", problem: "The server has not answered yet. Your units are kept here; try again." }),
    ANSWER_SECONDS[name] * 1000);
  waiting = { name, timer };
  refresh();
  const sent = { serial: data.serial, ...request };
  if (name === "apply_units") trigger("apply_units", sent);
  else if (name === "save_units") trigger("save_units", sent);
  else trigger("choose_version", sent);
};
const answered = (value) => {
  const asked = waiting?.name ?? null;
  if (waiting) clearTimeout(waiting.timer);
  waiting = null;
  if (value.view === "problem") {
    problem = value.problem;
    if (chooser.options.length) chooser.value = data.version;
    refresh();
    return;
  }
  const before = data;
  const wasDirty = isDirty();
  const sameCaption = before !== null && before.words.join("") === value.words.join("");
  const hadFocus = element.contains(document.activeElement);
  const applied = asked === "apply_units" && surface !== null && same(surface.list(), value.firsts);
  const unfinishedFirsts = wasDirty && sameCaption && !applied ? surface.list() : null;
  const version = value.versions.find((one) => one.key === value.version);
  const sameWords = sameCaption && same(before.words, value.words);
  stopEditing();
  data = value;
  problem = note = "";
  if (unfinishedFirsts) {
    if (!sameWords) history = noHistory();
    openSurface(sameWords ? unfinishedFirsts : drafts.find(data.words) ?? data.firsts);
  }
  if (applied) {
    if (value.version === "unsaved") drafts.keep(value.words, value.firsts); else drafts.drop(value.words);
    say(`The curve follows your ${plural(value.firsts.length + 1, "unit")}.`);
  } else if (asked === "save_units" && version?.by) {
    // Without a name it is another scoring's answer that came first.
    drafts.drop(value.words);
    note = `✓ Saved: ${versionLabel(version)}.`;
    say(note);
  } else if (wasDirty) {
    note = sameCaption ? "" : "Your unfinished units of the caption before are kept: score it again to go on with them.";
    say(note || "The caption was scored again. Your unfinished units are kept.");
  }
  show();
  if (hadFocus && !element.contains(document.activeElement)) (surface ? tools.undo : editButton).focus({ preventScroll: true });
};

watch("value", () => { if (props.value?.view) answered(props.value); });
if (props.value?.view === "units") data = props.value;
show();
