// What a number is: pointed at the pointer, and at the keyboard when it has the focus. One note for the whole page; its
// text is only ever set as textContent.

const note = document.createElement("div");
note.className = "an-note";
note.id = "analyse-note";
note.setAttribute("role", "tooltip");
note.hidden = true;
document.body.append(note);
let pointed = null;

const tell = (target) => {
  if (pointed === target) return;
  hush();
  pointed = target;
  note.textContent = target.dataset.tip;
  target.setAttribute("aria-describedby", note.id);
  note.hidden = false;
  const at = target.getBoundingClientRect();
  const left = Math.min(Math.max(8, at.left), document.documentElement.clientWidth - note.offsetWidth - 8);
  const below = at.bottom + 8 + note.offsetHeight < innerHeight;
  note.style.left = `${left + scrollX}px`;
  note.style.top = `${scrollY + (below ? at.bottom + 8 : at.top - note.offsetHeight - 8)}px`;
};
const hush = () => {
  pointed?.removeAttribute("aria-describedby");
  pointed = null;
  note.hidden = true;
};
const tipOf = (event) => event.target.closest?.("[data-tip]");
document.addEventListener("mouseover", (event) => { const target = tipOf(event); if (target) tell(target); else if (pointed !== document.activeElement) hush(); });
document.addEventListener("focusin", (event) => { const target = tipOf(event); if (target) tell(target); else hush(); });
document.addEventListener("focusout", hush);
document.addEventListener("keydown", (event) => { if (event.key === "Escape") hush(); });
document.addEventListener("click", (event) => {
  const row = event.target.closest?.(".an-pick");
  if (row) document.dispatchEvent(new CustomEvent("lens-analyse", { detail: { metric: row.dataset.metric } }));
});
