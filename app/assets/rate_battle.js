// A battle: two captions of one image. Which one is better and whether either is any good are two questions.

const pickWinner = (winner) => { choose(0, winner); moveTo(0); };
const togglePoor = () => {
  if (isLocked()) { paint(); return; }
  steps.push({ index: 0, answer: answerOf(rows[0]), poor: Boolean(form.answers.both_poor), cursor: 0 });
  form.answers.both_poor = !form.answers.both_poor;
  changed();
};

const battleCards = () => {
  const result = form.receipt !== null;
  const winner = form.answers.winner;
  const radio = (answer, label) => {
    const input = h("input", { type: "radio", name: "rate-winner", "data-answer": answer, "aria-label": label,
      "aria-describedby": answer === "tie" ? null : `rate-side-${answer}`, disabled: result,
      onchange: () => choose(0, answer) });
    input.checked = winner === answer;
    return input;
  };
  const side = (answer, letter, text) => h("label", { class: "ra-choice ra-side-card", "data-answer": answer },
    radio(answer, `Caption ${letter} is better`),
    h("span", { class: "ra-choice-head" }, h("b", {}, letter), h("span", { class: "ra-chosen" }, "better"),
      result ? null : key(answer)),
    h("span", { class: "ra-side-text", id: `rate-side-${answer}`, dir: "auto" }, text));
  const poor = h("input", { type: "checkbox", id: "rate-poor", disabled: result, onchange: togglePoor });
  poor.checked = Boolean(form.answers.both_poor);
  return [h("div", { class: "ra-card", id: "rate-battle" },
    h("div", { class: "ra-head" }, h("span", {}, result ? "Your verdict" : "Which caption describes the image better?"),
      result ? null : h("span", { class: "ra-keys" }, key("undo"), " undo")),
    h("div", { class: "ra-battle", "data-row": true, role: "radiogroup", "aria-label": "Which caption is better" },
      side("left", "A", view.sides[0]), side("right", "B", view.sides[1]),
      h("label", { class: "ra-choice ra-tie", "data-answer": "tie" }, radio("tie", "Tie: neither is better"),
        h("span", { class: "ra-choice-head" }, h("b", {}, "Tie"), h("span", { class: "ra-soft" }, "neither is better"),
          result ? null : key("tie")))),
    h("label", { class: "ra-poor" }, poor, h("span", {}, "Both are poor"),
      h("span", { class: "ra-soft" }, "whichever is better"), result ? null : key("poor")),
    commentPart())];
};
