// What if: units switched off and on, edited in place or added. The server draws the new curve over the old one.
//
// A row is { unit, text, off }: `unit` the number in the scored caption or null, `text` null while it is the unit's own.

let past = [];
let future = [];
let rows = null;        // null: nothing is changed
let settled = null;     // what the page shows, to go back to where the server refuses what comes next
let editing = null;     // { row, isNew }: the unit that is being written
let problem = "";
let proposal = null;    // what "best correction" found: { drops, rows, before, after }, or { step }

const ownRows = () => base.units.map((_, unit) => ({ unit, text: null, off: false }));
const unchanged = (list) => list.every((row, index) => row.unit === index && !row.off && row.text === null);
const forgetChanges = () => { past = []; future = []; rows = null; edited = null; editing = null; problem = ""; proposal = null; settled = null; };
const clone = (list) => list.map((row) => ({ ...row }));

// ---------------------------------------------------------------- changing

// One change at a time: what is shown and what is changed are then the same.
const busy = () => isOpen("what-if");
const remember = () => { settled = { rows, past: [...past], future: [...future] }; };
const request = () => {
  problem = "";
  proposal = null;
  giveUp("correction");
  ask("what-if", { rows });
  keepFocus(showWhatIf);
};
const change = (next, at) => {
  if (busy()) return;
  remember();
  past.push(rows);
  future = [];
  rows = next === null || (next.length === base.units.length && unchanged(next)) ? null : next;
  if (at !== undefined) chosen = at;
  request();
};
const toggleUnit = (index) => {
  if (busy()) return;
  const next = clone(rows ?? ownRows());
  next[index].off = !next[index].off;
  if (next.every((row) => row.off)) { problem = "One unit has to stay on."; showWhatIf(); return; }
  change(next, index);
};
const removeAdded = (index) => {
  if (busy()) return;
  const next = clone(rows);
  next.splice(index, 1);
  change(next, Math.max(index - 1, 0));
};
const stepThrough = (from, to) => {
  if (!from.length || busy()) return;
  remember();
  to.push(rows);
  rows = from.pop();
  request();
};
const undoChange = () => stepThrough(past, future);
const redoChange = () => stepThrough(future, past);

// ---------------------------------------------------------------- writing a unit in place

const startEdit = (row, isNew = false) => {
  if (!inRange(row) || surfaceIsOpen() || busy()) return;
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
  const finish = (take, byKey) => {
    if (over) return;
    over = true;
    const text = field.value.trim();
    editing = null;
    draw();
    // By mouse or by Tab the focus is on its way to where it is wanted.
    if (byKey) focusUnit();
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
      if (event.key === "Enter") { event.preventDefault(); finish(true, true); }
      else if (event.key === "Escape") { event.preventDefault(); finish(false, true); }
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
  if (busy()) return "Drawing …";
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
    pressable("take-correction", "Switch them off", () => change(withoutOwnText(proposal.rows))));
};
const withoutOwnText = (list) => list.map((row) =>
  ({ ...row, text: row.unit !== null && row.text === base.units[row.unit].text.trim() ? null : row.text }));
const showWhatIf = () => {
  const into = host("what-if");
  if (!into || !view) return;
  into.replaceChildren(h("div", { class: "lens-what-if", "aria-busy": String(busy()) },
    h("p", { class: problem ? "lens-note" : "lens-k", role: "status", id: "what-if-says" }, says()),
    h("div", { class: "lens-unit-actions" },
      pressable("best-correction", "Best correction", () => { proposal = { step: [0, 0] }; problem = ""; ask("correction", { rows: rows ?? ownRows() }); keepFocus(showWhatIf); },
        { disabled: proposal?.step ? "" : null, title: "Which flagged units to drop, by greedy removal" }),
      pressable("what-if-undo", "Undo", undoChange, { disabled: past.length ? null : "", title: "Ctrl+Z" }),
      pressable("what-if-redo", "Redo", redoChange, { disabled: future.length ? null : "", title: "Ctrl+Shift+Z" }),
      pressable("what-if-reset", "Back to the scored caption", () => change(null), { disabled: rows ? null : "" }),
      pressable("what-if-adopt", "Score this caption", () => tell("adopt"), { disabled: edited ? null : "" })),
    showProposal()));
};

hear("what-if", (value) => {
  if (value.view === "problem") {
    // The change is not on the page, so it is not kept either.
    if (settled) ({ rows, past, future } = settled);
    problem = value.problem;
    keepFocus(showWhatIf);
    return;
  }
  edited = value.view === "reset" ? null : value;
  if (value.ask) forgetHeat();
  draw();
  showHeat();
  // The threshold was moved meanwhile. What is shown by now is what a refusal goes back to.
  if (edited && edited.threshold !== base.settings.threshold) { remember(); request(); }
});
hear("correction", (value) => {
  if (value.view === "problem") { proposal = null; problem = value.problem; }
  else proposal = value.view === "step" ? { step: value.step } : value;
  keepFocus(showWhatIf);
});
// The server ends long work before it scores; where it could not score, the caption on the page gets its work back.
document.addEventListener("lens-not-scored", () => {
  if (!base) return;
  if (isOpen("evidence")) ask("evidence");
  if (isOpen("correction")) { giveUp("correction"); proposal = null; showWhatIf(); }
});
