// What if: units switched off and on, edited in place or added. The server draws the new curve over the old one.
//
// A row is { unit, text, off }: `unit` the number in the scored caption or null, `text` null while it is the unit's own.

let past = [];
let future = [];
let rows = null;        // null: nothing is changed
let asked = false;      // whether the server is drawing
let editing = null;     // { row, isNew }: the unit that is being written
let problem = "";
let proposal = null;    // what "best correction" found: { drops, rows, before, after }, or { step }

const ownRows = () => base.units.map((_, unit) => ({ unit, text: null, off: false }));
const unchanged = (list) => list.every((row, index) => row.unit === index && !row.off && row.text === null);
const forgetChanges = () => { past = []; future = []; rows = null; edited = null; editing = null; problem = ""; proposal = null; asked = false; };
const clone = (list) => list.map((row) => ({ ...row }));

// ---------------------------------------------------------------- changing

const request = () => {
  asked = true;
  problem = "";
  ask("what-if", { rows: rows === null ? null : rows });
  showWhatIf();
};
const change = (next, at) => {
  past.push(rows);
  future = [];
  proposal = null;
  rows = next === null || (next.length === base.units.length && unchanged(next)) ? null : next;
  if (at !== undefined) chosen = at;
  request();
};
const toggleUnit = (index) => {
  const next = clone(rows ?? ownRows());
  next[index].off = !next[index].off;
  if (next.every((row) => row.off)) { problem = "One unit has to stay on."; showWhatIf(); return; }
  change(next, index);
};
const removeAdded = (index) => {
  const next = clone(rows);
  next.splice(index, 1);
  change(next, Math.max(index - 1, 0));
};
const undoChange = () => {
  if (!past.length || asked) return;
  future.push(rows);
  rows = past.pop();
  proposal = null;
  request();
};
const redoChange = () => {
  if (!future.length || asked) return;
  past.push(rows);
  rows = future.pop();
  proposal = null;
  request();
};

// ---------------------------------------------------------------- writing a unit in place

const startEdit = (row, isNew = false) => {
  if (!inRange(row) || surfaceIsOpen()) return;
  editing = { row, isNew };
  chosen = row;
  showCaption();
  mark();
  const field = document.getElementById("unit-text");
  field.focus();
  field.select();
};
const editField = () => {
  const { row, isNew } = editing;
  const before = isNew ? "" : view.units[row].text.trim();
  let over = false;
  const finish = (take) => {
    if (over) return;
    over = true;
    const text = field.value.trim();
    editing = null;
    showCaption();
    mark();
    focusUnit();
    if (!take || !text || text === before) return;
    const next = clone(rows ?? ownRows());
    if (isNew) next.splice(row + 1, 0, { unit: null, text, off: false });
    else {
      const own = next[row].unit === null ? null : base.units[next[row].unit].text.trim();
      next[row] = { ...next[row], text: text === own ? null : text };
    }
    change(next, isNew ? row + 1 : row);
  };
  const field = h("input", { id: "unit-text", class: "lens-unit-field", value: before, maxlength: "1000", dir: "auto",
    "aria-label": isNew ? "Words of the new unit" : `Words of unit ${row + 1}`, placeholder: "one more detail",
    onkeydown: (event) => {
      if (event.key === "Enter") { event.preventDefault(); finish(true); }
      else if (event.key === "Escape") { event.preventDefault(); finish(false); }
      event.stopPropagation();
    },
    onblur: () => finish(true) });
  field.size = Math.min(Math.max(before.length, 18), 60);
  return field;
};

// ---------------------------------------------------------------- what is shown

const unitActions = (unit) => h("div", { class: "lens-unit-actions" },
  pressable("unit-toggle", unit.off ? "Switch on" : "Switch off", () => toggleUnit(chosen), { title: "Delete" }),
  pressable("unit-edit", "Edit", () => startEdit(chosen), { title: "F2", disabled: unit.off || null }),
  pressable("unit-add", "Add after", () => startEdit(chosen, true), { title: "Insert" }),
  unit.change === "added" ? pressable("unit-remove", "Remove", () => removeAdded(chosen)) : null,
  heatButton());

const says = () => {
  if (problem) return problem;
  if (asked) return "Drawing …";
  if (!edited) return "What if? Switch the unit off, edit it or add one: the new curve is drawn over this one.";
  const off = edited.units.filter((unit) => unit.off).length;
  const parts = [[off, "off"], [edited.units.filter((unit) => unit.change === "edited").length, "edited"],
    [edited.units.filter((unit) => unit.change === "added").length, "added"]].filter(([count]) => count);
  return `What if: ${parts.map(([count, kind]) => `${count} ${kind}`).join(", ")}. SPECS ${edited.was} → ${edited.score} (${edited.change}).`;
};
const showProposal = () => {
  if (!proposal) return null;
  if (proposal.step) {
    const [done, total] = proposal.step;
    return h("p", { class: "lens-k", role: "status", id: "correction" }, total ? `Leaving out flagged units: ${done} of at most ${total} …` : "Leaving out flagged units …");
  }
  if (!proposal.drops.length) {
    return h("p", { class: "lens-k", role: "status", id: "correction" }, "Best correction: no flagged unit whose removal raises the score.");
  }
  const list = proposal.drops.map((drop) => h("li", {}, h("b", {}, `drop ${drop.row + 1} · ${drop.text}`), " ",
    h("span", { class: "lens-gain" }, `${drop.gain} cosine`)));
  return h("div", { class: "lens-proposal", id: "correction", role: "status" },
    h("p", {}, `Best correction: cosine ${proposal.before} → ${proposal.after}, in this order`), h("ol", {}, ...list),
    pressable("take-correction", "Switch them off", () => { const next = proposal.rows; change(withoutOwnText(next)); }));
};
const withoutOwnText = (list) => list.map((row) =>
  ({ ...row, text: row.unit !== null && row.text === base.units[row.unit].text.trim() ? null : row.text }));
const showWhatIf = () => {
  const into = host("what-if");
  if (!into || !view) return;
  const focused = document.activeElement?.id;
  into.replaceChildren(h("div", { class: "lens-what-if", "aria-busy": String(asked) },
    h("p", { class: problem ? "lens-note" : "lens-k", role: "status", id: "what-if-says" }, says()),
    h("div", { class: "lens-unit-actions" },
      pressable("best-correction", "Best correction", () => { proposal = { step: [0, 0] }; problem = ""; ask("correction", { rows: rows ?? ownRows() }); showWhatIf(); },
        { disabled: proposal?.step ? "" : null, title: "Which flagged units to drop, by greedy removal" }),
      pressable("what-if-undo", "Undo", undoChange, { disabled: past.length ? null : "", title: "Ctrl+Z" }),
      pressable("what-if-redo", "Redo", redoChange, { disabled: future.length ? null : "", title: "Ctrl+Shift+Z" }),
      pressable("what-if-reset", "Back to the scored caption", () => change(null), { disabled: rows ? null : "" }),
      pressable("what-if-adopt", "Score this caption", () => ask("adopt"), { disabled: edited ? null : "" })),
    showProposal()));
  if (focused && into.querySelector(`#${CSS.escape(focused)}`)) document.getElementById(focused).focus({ preventScroll: true });
};

hear("what-if", (value) => {
  if (value.view === "problem") {
    // The change is not on the page, so it is not kept either.
    if (asked && past.length) rows = past.pop();
    asked = false;
    problem = value.problem;
    showWhatIf();
    return;
  }
  asked = false;
  edited = value.view === "reset" ? null : value;
  forgetHeat();
  draw();
  showHeat();
});
hear("correction", (value) => {
  if (value.view === "problem") { proposal = null; problem = value.problem; }
  else proposal = value.view === "step" ? { step: value.step } : value;
  showWhatIf();
});
