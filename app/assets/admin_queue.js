// The queue of disputed items, and one item with everybody's votes beside the decision on it.

const MARKS = { supported: "✓", hallucinated: "✕", unsure: "?" };
const VERDICTS = [["supported", "S"], ["hallucinated", "H"], ["unsure", "U"]];
let ruling = null;

const closeCase = () => { ruling = null; };

const thumbnail = (one) => h("img", { src: one.thumbnail, alt: "", loading: "lazy", class: "ad-thumb" });
const captions = (list) => h("span", { class: "ad-captions" }, list.map((caption, index) =>
  h("span", { dir: "auto" }, list.length > 1 ? h("b", {}, `${index ? "second" : "first"}: `) : null,
    caption)));

const queueSection = async (offset = 0) => {
  const found = await read("queue", { campaign: state.campaign.id, offset: String(offset) });
  if (!found.items.length) return card("Disputed items",
    soft("Nothing to decide yet: an item comes here when two raters have "
    + "submitted it, the most disputed first."));
  const rows = found.items.map((one) => ({ attributes: { "data-item": one.item }, cells: [
    h("span", { class: "ad-entry" }, thumbnail(one), captions(one.captions)),
    one.disagreement.combined === null ? "–" : one.disagreement.combined.toFixed(2),
    whole(one.disagreement.n_raters),
    one.decided_at ? h("span", { class: "ra-ok" }, `✓ ${when(one.decided_at)}`)
      : h("span", { class: "ra-soft" }, "open"),
    button("Decide", () => openCase(one.item, found.items.map((other) => other.item)),
      { "aria-label": `Decide on ${one.captions[0].slice(0, 60)}` })] }));
  return card("Disputed items", table(["Item", "Disagreement", "Raters", "Decided", ""], rows,
    { id: "admin-queue" }),
    pager(offset, found, queueSection),
    soft("Disagreement from 0 to 1: how far two raters are apart on the scales and units of the item, "
      + "on average. ",
      found.compared < found.total
        ? `${whole(found.compared)} of ${whole(found.total)} items were compared, undecided ones first.`
        : `${whole(found.decided)} of ${plural(found.compared, "item")} decided.`));
};

const pager = (offset, found, draw) => {
  const turn = (to) => () => attempt(async () => {
    find("#admin-section").replaceChildren(...[await draw(to)].flat());
  });
  if (!offset && !found.more) return null;
  return h("div", { class: "ra-inline" },
    offset ? button("Back", turn(Math.max(0, offset - 100))) : null, found.more
      ? button("More", turn(offset + 100)) : null);
};

// ---------------------------------------------------------------- one item

const openCase = (item, others = []) => attempt(async () => {
  const found = await read("item", { item });
  const label = found.label;
  ruling = { found, others, saved: label !== null, row: 0, comment: label?.comment ?? "",
    verdicts: found.units.map((_, index) => label?.verdicts[index] ?? null),
    answers: Object.fromEntries(found.questions.map((question) => [question.name,
      label?.answers[question.name] ?? null])) };
  drawCase();
  find("#admin-case")?.scrollIntoView({ block: "start" });
  moveTo(0);
});

const rowsOf = () => ruling.found.units.length + ruling.found.questions.length;
const isUnit = (index) => index < ruling.found.units.length;
const questionAt = (index) => ruling.found.questions[index - ruling.found.units.length];
const answerAt = (index) => (isUnit(index) ? ruling.verdicts[index] : ruling.answers[questionAt(index).name]);
const votesAt = (index) => ruling.found.votes.map((vote) => (isUnit(index) ? vote.verdicts[index] ?? null
  : vote.answers[questionAt(index).name] ?? null));

const choose = (index, value) => {
  if (isUnit(index)) ruling.verdicts[index] = value;
  else ruling.answers[questionAt(index).name] = value;
  ruling.saved = false;
  paintCase();
};

// What most votes say, where one answer has more than any other; for a scale the middle vote.
const mostSaid = (index) => {
  const votes = votesAt(index).filter((vote) => vote !== null);
  if (!votes.length) return null;
  if (!isUnit(index) && ruling.found.kind === "caption") return [...votes].sort((a,
    b) => a - b)[Math.floor((votes.length - 1) / 2)];
  const times = new Map();
  for (const vote of votes) times.set(vote, (times.get(vote) ?? 0) + 1);
  const ordered = [...times].sort((a, b) => b[1] - a[1]);
  return ordered.length === 1 || ordered[0][1] > ordered[1][1] ? ordered[0][0] : null;
};

const takeMajority = () => {
  for (let index = 0; index < rowsOf(); index += 1) if (answerAt(index) === null) choose(index,
    mostSaid(index));
};

const decisionAt = (index) => {
  const name = `decide-${index}`;
  const radio = (value, label, shortcut) => {
    const input = h("input", { type: "radio", name, "data-answer": String(value),
      onchange: () => choose(index, value) });
    return h("label", { "data-answer": String(value), title: label }, input,
      h("span", {}, label, shortcut ? key(shortcut) : null));
  };
  if (isUnit(index)) return h("span", { class: "ra-seg", role: "radiogroup",
    "aria-label": `Unit ${index + 1}: ${ruling.found.units[index]}` },
    VERDICTS.map(([verdict, letter]) => radio(verdict, verdict, letter)));
  const question = questionAt(index);
  if (question.high - question.low > 9) return number(answerAt(index) ?? "", question.low, question.high,
    { "aria-label": question.label,
    oninput: (event) => choose(index, event.target.value === "" ? null : Number(event.target.value)) });
  const values = Array.from({ length: question.high - question.low + 1 }, (_, step) => question.low + step);
  const words = ruling.found.kind === "battle";
  return h("span", { class: words ? "ra-seg" : "ra-scale", role: "radiogroup", "aria-label": question.label },
    values.map((value) => radio(value, words ? question.labels[value] : String(value), words ? String(value)
      : null)));
};

const voteText = (index, vote) => {
  if (vote === null) return h("span", { class: "ra-soft" }, "–");
  if (isUnit(index)) return h("span", { class: "ad-vote", "data-answer": vote, title: vote },
    `${MARKS[vote]} `, h("span", {}, vote));
  return h("span", { class: "ad-vote" }, ruling.found.kind === "battle" ? questionAt(index).labels[vote]
    : String(vote));
};

const caseRow = (index) => ({ attributes: { "data-row": String(index), onfocusin: () => setRow(index),
  onclick: () => setRow(index) },
  cells: [isUnit(index) ? h("span", { class: "ad-unit" },
    h("span", { class: "ra-number" }, String(index + 1)), text(ruling.found.units[index]))
    : h("span", {}, text(questionAt(index).label), " ", text(questionAt(index).hint, "ra-soft")),
  ...votesAt(index).map((vote) => voteText(index, vote)), decisionAt(index)] });

const handBack = (vote) => {
  const reason = h("input", { type: "text", maxlength: "500", required: true,
    "aria-label": `Why it goes back to ${vote.rater}`,
    placeholder: "What should be looked at again?" });
  const form = h("form", { class: "ra-inline ad-return", onsubmit: (event) => {
    event.preventDefault();
    attempt(async () => {
      await act("items/return", { item: ruling.found.item, rater: vote.rater, reason: reason.value });
      form.replaceWith(soft("Handed back; it comes first when ", text(vote.rater),
        " goes on. The rating counts until then."));
      say("Handed back.");
    }, event.submitter);
  } }, reason, h("button", { class: "ra-btn", type: "submit" }, "Hand back"));
  return form;
};

const voters = () => ruling.found.votes.map((vote) => h("div", { class: "ad-voter" },
  h("div", { class: "ad-between" }, h("span", {}, h("b", { dir: "auto" }, vote.rater),
    h("span", { class: "ra-soft" }, ` ${when(vote.saved_at)}`)),
    isOwner() ? button("Hand back …", (event) => {
      const form = handBack(vote);
      event.currentTarget.closest(".ad-voter").append(form);
      event.currentTarget.remove();
      form.querySelector("input").focus();
    }, { "data-return": vote.rater }) : null),
  vote.comment ? h("p", { dir: "auto", class: "ad-comment" }, vote.comment) : null));

const drawCase = () => {
  const found = ruling.found;
  const comment = h("textarea", { id: "admin-comment", rows: "2", maxlength: String(found.max_comment),
    dir: "auto", "aria-label": "Why (optional)",
    placeholder: "Why (optional)", value: ruling.comment,
      oninput: (event) => { ruling.comment = event.target.value; ruling.saved = false; paintCase(); } });
  const label = found.label;
  find("#admin-section").replaceChildren(h("div", { id: "admin-case", class: "ad-case" },
    h("div", { class: "ra-col ad-case-side" },
      h("div", { class: "ra-card" }, h("img",
        { src: found.image.src, width: String(found.image.width), height: String(found.image.height),
        alt: "The image that was judged", class: "ad-image" })),
      h("div", { class: "ra-card" }, captions(found.captions),
        soft(found.source ? ["From ", text(found.source)] : "Source unknown")),
      card("Who voted", found.votes.length ? voters() : soft("Nobody has submitted this item yet."))),
    h("div", { class: "ra-col" }, h("section", { class: "ra-card" },
      h("div", { class: "ra-head" }, h("h3", {}, "Decide"),
        h("span", { class: "ra-keys" }, key("J"), key("K"), " move · ", key("M"),
        " majority · ", key("N"), " next · ", key("Esc"), " back")),
      label ? h("p", { class: "ra-soft" }, `Decision ${label.number} by `, text(label.adjudicator),
        `, ${when(label.decided_at)}. Another one replaces it; all are kept.`) : null,
      table([found.units.length ? "Unit or question" : "Question",
        ...found.votes.map((vote) => text(vote.rater)), "Decision"],
        Array.from({ length: rowsOf() }, (_, index) => caseRow(index)), { id: "admin-decisions" }),
      comment,
      h("div", { class: "ra-inline" },
        h("button", { class: "ra-go", type: "button", id: "admin-decide", onclick: decide },
          "Save decision ", key("Enter")),
        button("Take the majority", takeMajority), button("Next", nextCase),
          button("Back to the list", show))))));
  paintCase();
};

const paintCase = () => {
  element.querySelectorAll("#admin-decisions [data-row]").forEach((row, index) => {
    row.classList.toggle("ra-current", index === ruling.row);
    for (const input of row.querySelectorAll("input[type=radio]")) {
      input.checked = input.dataset.answer === String(answerAt(index));
    }
  });
  const save = find("#admin-decide");
  if (save) save.firstChild.textContent = ruling.saved ? "Saved ✓ " : "Save decision ";
};

const setRow = (index) => { if (ruling && ruling.row !== index) { ruling.row = index; paintCase(); } };
const moveTo = (index) => {
  setRow(Math.max(0, Math.min(rowsOf() - 1, index)));
  const row = find(`#admin-decisions [data-row="${ruling.row}"]`);
  (row?.querySelector("input:checked") ?? row?.querySelector("input"))?.focus({ preventScroll: true });
  row?.scrollIntoView({ block: "nearest" });
};

const decide = () => attempt(async () => {
  const mine = ruling;
  const open = mine.found.questions.findIndex((question) => mine.answers[question.name] === null);
  if (open >= 0) { say(`Answer “${mine.found.questions[open].label}” first.`,
    "bad"); moveTo(mine.found.units.length + open); return; }
  const found = await act("item/decide",
    { item: mine.found.item, answers: mine.answers, verdicts: mine.verdicts, comment: mine.comment });
  if (ruling !== mine) return;
  mine.saved = true;
  mine.found.label = found.label;
  drawCase();
  say(`Decision ${found.label.number} saved.`);
  find("#admin-decide").focus();
}, find("#admin-decide"));

const nextCase = () => {
  const at = ruling.others.indexOf(ruling.found.item);
  const next = ruling.others[at + 1];
  if (next) openCase(next, ruling.others);
  else say("That was the last one of the list.");
};

const onKey = (event) => {
  if (!ruling || !element.isConnected || element.offsetParent === null || event.ctrlKey || event.metaKey
    || event.altKey) return;
  const at = event.target;
  if (event.key === "Escape") { show(); return; }
  const own = "textarea, input:not([type=radio]), select, button, summary, a";
  if (at instanceof Element && at.closest(own)) return;
  const pressed = event.key.toLowerCase();
  const verdict = VERDICTS.find(([, letter]) => letter.toLowerCase() === pressed);
  let used = true;
  if (verdict && isUnit(ruling.row)) { choose(ruling.row, verdict[0]); moveTo(ruling.row + 1); }
  else if (/^[0-9]$/.test(pressed) && !isUnit(ruling.row)) {
    const question = questionAt(ruling.row);
    if (Number(pressed) >= question.low && Number(pressed) <= question.high) { choose(ruling.row,
      Number(pressed)); moveTo(ruling.row + 1); }
  } else if (pressed === "j" || pressed === "k") moveTo(ruling.row + (pressed === "j" ? 1 : -1));
  else if (pressed === "m") takeMajority();
  else if (pressed === "n") nextCase();
  else if (pressed === "enter") decide();
  else used = false;
  if (used) event.preventDefault();
};
