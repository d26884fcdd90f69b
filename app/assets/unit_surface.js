// The caption as words with a place between any two of them: a boundary where a unit begins, else a gap. Both can be
// pressed, boundaries can be dragged, and every change can be undone. Text is only ever set as textContent.

const make = (tag, attributes = {}, ...children) => {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value === true) node.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) node.setAttribute(name, value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
};

const DRAG_PIXELS = 5;  // less is a click with an unsteady hand
const sorted = (numbers) => [...numbers].sort((a, b) => a - b);
const same = (a, b) => a.length === b.length && a.every((value, index) => value === b[index]);

// `words` joined are the caption; `firsts` are the numbers of the words that begin a unit, without 0; `past` and
// `future` are lists of such lists and are changed in place. `say` speaks a sentence, `changed` is told of changes.
const makeSurface = ({ words, firsts, automatic, past, future, say, changed }) => {
  let starts = new Set(firsts);
  let drag = null;
  let swallowClick = false;
  const known = new Set(automatic);
  const root = make("div", { class: "lens-surface", role: "group", dir: "auto", "aria-describedby": "unit-hint",
    "aria-label": "Words of the caption, with the boundaries of its units" });
  const spots = [null];
  words.forEach((word, index) => {
    if (index > 0) {
      const spot = make("span", { class: "lens-spot", "data-spot": index });
      spots.push(spot);
      root.lastElementChild.append(spot);
      if (/\n/u.test(words[index - 1])) root.append(make("span", { class: "lens-line-end" }));
    }
    root.append(make("span", { class: "lens-pair" }, make("span", { class: index ? "lens-word" : "lens-word lens-word-first" }, word.trimEnd())));
  });

  const list = () => sorted(starts);
  const count = () => `${starts.size + 1} ${starts.size ? "units" : "unit"}`;
  const unitAt = (index) => list().filter((first) => first <= index).length + 1;
  const opening = (index) => {
    const end = list().find((first) => first > index) ?? words.length;
    const text = words.slice(index, Math.min(end, index + 4)).join("").trim();
    return `“${index + 4 < end ? `${text} …` : text}”`;
  };

  const update = () => {
    for (let index = 1; index < words.length; index += 1) {
      const spot = spots[index];
      const edge = starts.has(index);
      spot.classList.toggle("lens-edge", edge);
      spot.classList.toggle("lens-edge-own", edge && !known.has(index));
      spot.setAttribute("role", edge ? "slider" : "button");
      spot.tabIndex = edge || (starts.size === 0 && index === 1) ? 0 : -1;
      spot.title = edge ? "Click to join the two units, drag to move" : "Click to split here";
      if (edge) {
        spot.dataset.number = unitAt(index);
        spot.setAttribute("aria-label", `Boundary before unit ${unitAt(index)}`);
        for (const [name, value] of [["min", 1], ["max", words.length - 1], ["now", index], ["text", `begins with ${opening(index)}`]]) {
          spot.setAttribute(`aria-value${name}`, value);
        }
      } else {
        delete spot.dataset.number;
        for (const name of ["min", "max", "now", "text"]) spot.removeAttribute(`aria-value${name}`);
        spot.setAttribute("aria-label", `Split before “${words[index].trim()}”`);
      }
    }
  };
  const commit = (next) => {
    if (same(sorted(next), list())) return;
    past.push(list());
    future.length = 0;
    starts = new Set(next);
    update();
    changed();
  };
  const focus = (index) => {
    const spot = spots[index];
    if (!spot) return;
    if (spot.tabIndex < 0) spot.tabIndex = 0;
    spot.focus();
  };

  // ---------------------------------------------------------------- what can be done

  const merge = (index) => {
    const number = unitAt(index);
    commit(new Set([...starts].filter((first) => first !== index)));
    focus(index);
    say(`Units ${number - 1} and ${number} are joined. ${count()}.`);
  };
  const split = (index) => {
    commit(new Set([...starts, index]));
    focus(index);
    say(`Split: unit ${unitAt(index)} begins with ${opening(index)}. ${count()}.`);
  };
  const moved = (index) => `Unit ${unitAt(index)} now begins with ${opening(index)}.`;
  const move = (index, step) => {
    const to = index + step;
    if (to < 1 || to >= words.length || starts.has(to)) {
      say("A unit keeps at least one word. Delete joins the two units.");
      return;
    }
    commit(new Set([...starts].map((first) => (first === index ? to : first))));
    focus(to);
    say(moved(to));
  };
  const walk = (index, step) => {
    let to = index + step;
    while (to > 0 && to < words.length && starts.has(to)) to += step;
    if (to < 1 || to >= words.length) { say("There is no gap further on."); return; }
    focus(to);
  };
  const toEdge = (index, key) => {
    const edges = list();
    const found = { ArrowUp: edges.filter((first) => first < index).at(-1), ArrowDown: edges.find((first) => first > index),
      Home: edges[0], End: edges.at(-1) }[key];
    if (found !== undefined) focus(found);
  };
  const travel = (from, to, words_) => {
    if (from.length === 0) { say(`There is nothing to ${words_}.`); return; }
    const next = from.pop();
    to.push(list());
    starts = new Set(next);
    update();
    changed();
    say(`${words_ === "undo" ? "Undone" : "Done again"}. ${count()}.`);
  };

  // ---------------------------------------------------------------- keyboard and mouse

  root.addEventListener("keydown", (event) => {
    const spot = event.target.closest(".lens-spot");
    if (!spot || event.ctrlKey || event.metaKey || event.altKey) return;
    const index = Number(spot.dataset.spot);
    const edge = starts.has(index);
    const forward = getComputedStyle(root).direction === "rtl" ? "ArrowLeft" : "ArrowRight";
    const step = event.key === forward ? 1 : -1;
    const known_ = {
      ArrowLeft: () => (edge && !event.shiftKey ? move(index, step) : walk(index, step)),
      ArrowUp: () => toEdge(index, event.key),
      Enter: () => (edge ? walk(index, 1) : split(index)),
      Delete: () => (edge ? merge(index) : say("Here is no boundary to take away.")),
    };
    Object.assign(known_, { ArrowRight: known_.ArrowLeft, ArrowDown: known_.ArrowUp, Home: known_.ArrowUp, End: known_.ArrowUp,
      s: known_.Enter, S: known_.Enter, " ": known_.Enter, Backspace: known_.Delete });
    if (!(event.key in known_)) return;
    event.preventDefault();
    known_[event.key]();
  });
  root.addEventListener("click", (event) => {
    const spot = event.target.closest(".lens-spot");
    if (!spot || swallowClick) return;
    const index = Number(spot.dataset.spot);
    if (starts.has(index)) merge(index); else split(index);
  });

  const nearest = (x, y, low, high) => {
    let best = low;
    let least = Infinity;
    for (let index = low; index <= high; index += 1) {
      const box = spots[index].getBoundingClientRect();
      // The line under the pointer first, then the gap in it.
      const distance = Math.hypot(box.x + box.width / 2 - x, 6 * Math.max(0, Math.abs(box.y + box.height / 2 - y) - box.height / 2));
      if (distance < least) { least = distance; best = index; }
    }
    return best;
  };
  const putDown = () => {
    window.removeEventListener("pointermove", onMove);
    window.removeEventListener("pointerup", onUp);
    window.removeEventListener("pointercancel", cancelDrag);
    root.classList.remove("lens-dragging");
    const ended = drag;
    drag = null;
    if (ended?.moving) {
      swallowClick = true;  // the click that follows a drag
      setTimeout(() => { swallowClick = false; }, 0);
    }
    return ended;
  };
  const cancelDrag = () => {
    const ended = putDown();
    if (!ended) return false;
    starts = new Set(ended.before);
    update();
    return ended.moving;
  };
  const onMove = (event) => {
    if (event.pointerId !== drag.pointer) return;
    drag.moving ||= Math.hypot(event.clientX - drag.x, event.clientY - drag.y) > DRAG_PIXELS;
    if (!drag.moving) return;
    root.classList.add("lens-dragging");
    const place = drag.before.indexOf(drag.from);
    const at = nearest(event.clientX, event.clientY, (drag.before[place - 1] ?? 0) + 1, (drag.before[place + 1] ?? words.length) - 1);
    if (at === drag.at) return;
    drag.at = at;
    starts = new Set(drag.before.map((first) => (first === drag.from ? at : first)));
    update();
  };
  const onUp = (event) => {
    if (event.pointerId !== drag.pointer) return;
    const { before, from, at, moving } = putDown();
    if (!moving) return;
    starts = new Set(before);
    commit(new Set(before.map((first) => (first === from ? at : first))));
    update();
    focus(at);
    say(at === from ? "The boundary stays where it was." : moved(at));
  };
  root.addEventListener("pointerdown", (event) => {
    const spot = event.target.closest(".lens-edge");
    if (!spot || drag || event.button !== 0) return;
    const from = Number(spot.dataset.spot);
    drag = { pointer: event.pointerId, from, at: from, x: event.clientX, y: event.clientY, before: list(), moving: false };
    window.addEventListener("pointermove", onMove);
    window.addEventListener("pointerup", onUp);
    window.addEventListener("pointercancel", cancelDrag);
  });

  update();
  return {
    node: root,
    list,
    cancelDrag,
    undo: () => travel(past, future, "undo"),
    redo: () => travel(future, past, "do again"),
    reset: () => {
      commit(known);
      say(`Back to the automatic boundaries. ${count()}.`);
    },
    focusFirst: () => focus(list()[0] ?? 1),
  };
};
