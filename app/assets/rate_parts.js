// Parts of the rating form that stand by themselves: the instructions, the picture that zooms, the revealed curve.

// As `signed` of app/views/curve.py: a small dip is not a dip of 0.
const signed = (number) => {
  const size = Math.abs(number);
  const digits = size === 0 || size >= 0.0005 ? size.toFixed(3) : size >= 0.0001 ? size.toFixed(4) : "<0.0001";
  return `${number < 0 ? "−" : "+"}${digits}`;
};

const guideline = (h, open) => h("details", { class: "ra-card ra-guideline", id: "rate-help", open },
  h("summary", {}, "How to judge"),
  h("dl", {},
    h("dt", {}, "supported"), h("dd", {}, "the image shows everything this unit says"),
    h("dt", {}, "hallucinated"), h("dd", {}, "the image contradicts the unit, or does not show what it claims"),
    h("dt", {}, "unsure"), h("dd", {}, "too small, hidden, or a matter of taste"),
    h("dt", {}, "correctness"), h("dd", {}, "5: nothing false; 1: mostly false"),
    h("dt", {}, "thoroughness"), h("dd", {}, "5: nothing important is missing; 1: most of it is"),
    h("dt", {}, "overall"), h("dd", {}, "5: an excellent description of this image; 1: a poor one")),
  h("p", { class: "ra-soft" }, "Units first, then the whole. The score stays hidden until you have submitted."));

const picture = (image, caption) => {
  const state = { scale: 1, x: 0, y: 0 };
  const img = document.createElement("img");
  img.src = image.src;
  img.alt = "The image that the caption describes";
  img.draggable = false;
  if (image.width && image.height) { img.width = image.width; img.height = image.height; }
  const frame = document.createElement("div");
  frame.className = "ra-zoom";
  frame.append(img);
  const show = () => {
    const limit = (size) => ((state.scale - 1) * size) / 2;
    state.x = Math.max(-limit(frame.clientWidth), Math.min(limit(frame.clientWidth), state.x));
    state.y = Math.max(-limit(frame.clientHeight), Math.min(limit(frame.clientHeight), state.y));
    img.style.transform = `translate(${state.x}px, ${state.y}px) scale(${state.scale})`;
    frame.classList.toggle("ra-zoomed", state.scale > 1);
  };
  const zoom = (factor, x = 0, y = 0) => {
    const before = state.scale;
    state.scale = Math.max(1, Math.min(8, before * factor));
    const ratio = state.scale / before;
    state.x = x - (x - state.x) * ratio;
    state.y = y - (y - state.y) * ratio;
    show();
  };
  const reset = () => { Object.assign(state, { scale: 1, x: 0, y: 0 }); show(); };
  frame.addEventListener("wheel", (event) => {
    // Turning away from an image that is already whole goes on scrolling the page.
    if (event.deltaY > 0 && state.scale === 1) return;
    event.preventDefault();
    const box = frame.getBoundingClientRect();
    zoom(event.deltaY < 0 ? 1.2 : 1 / 1.2, event.clientX - box.left - box.width / 2,
      event.clientY - box.top - box.height / 2);
  }, { passive: false });
  frame.addEventListener("pointerdown", (event) => {
    if (state.scale === 1 || event.button !== 0) return;
    frame.setPointerCapture(event.pointerId);
    let from = [event.clientX, event.clientY];
    const move = (moved) => {
      state.x += moved.clientX - from[0];
      state.y += moved.clientY - from[1];
      from = [moved.clientX, moved.clientY];
      show();
    };
    const stop = () => frame.removeEventListener("pointermove", move);
    frame.addEventListener("pointermove", move);
    frame.addEventListener("pointerup", stop, { once: true });
    frame.addEventListener("pointercancel", stop, { once: true });
  });
  frame.addEventListener("dblclick", reset);
  const button = (label, name, action) => {
    const node = document.createElement("button");
    node.type = "button";
    node.textContent = label;
    node.title = name;
    node.setAttribute("aria-label", name);
    node.addEventListener("click", action);
    return node;
  };
  const resetButton = button("0", "Whole image", reset);
  resetButton.dataset.zoomReset = "";
  const tools = document.createElement("div");
  tools.className = "ra-tools";
  const hint = document.createElement("span");
  hint.className = "ra-soft";
  hint.textContent = "wheel to zoom · drag to pan";
  tools.append(hint, button("−", "Zoom out", () => zoom(1 / 1.4)), resetButton,
    button("+", "Zoom in", () => zoom(1.4)));
  const figure = document.createElement("figure");
  figure.append(frame, tools);
  return figure;
};

// The curve over the units, with the rater's verdicts under the axis. Every text in it is a number or one of our
// own words; the colours come from the style sheet, so that it follows light and dark.
const revealCurve = (h, curve, verdicts) => {
  const SVG = "http://www.w3.org/2000/svg";
  const s = (tag, attributes, ...children) => {
    const node = document.createElementNS(SVG, tag);
    for (const [name, given] of Object.entries(attributes)) node.setAttribute(name, String(given));
    node.append(...children);
    return node;
  };
  const dips = curve.dip.filter(Boolean).length;
  const count = curve.similarity.length;
  const fact = (name, text) => h("span", {}, h("span", { class: "ra-soft" }, `${name} `), h("b", {}, text));
  const facts = h("div", { class: "ra-facts" },
    h("span", {}, h("span", { class: "ra-soft" }, "SPECS "), h("b", { class: "ra-big" }, curve.score.toFixed(3))),
    fact("model", curve.model), fact("units", String(count)),
    h("b", { class: dips ? "ra-dip" : "ra-ok" }, dips ? `▼ ${dips} ${dips === 1 ? "dip" : "dips"}` : "no dip"));
  const holder = h("div", { class: "ra-curve", role: "img", "aria-label":
    `Cumulative similarity over ${count} units: ${curve.similarity.map((value, index) => value === null
      ? `${index + 1} beyond the context` : `${index + 1} ${value.toFixed(3)}${curve.dip[index] ? " dip" : ""}`).join(", ")}` });
  const draw = () => {
    const width = Math.max(260, holder.clientWidth);
    const height = 230;
    const left = 42, right = 14, top = 14, bottom = 52;
    const known = curve.similarity.filter((value) => value !== null);
    const low = Math.min(...known), high = Math.max(...known);
    const pad = Math.max(0.01, (high - low) * 0.12);
    const y = (value) => top + ((high + pad - value) / (high - low + 2 * pad)) * (height - top - bottom);
    const step = (width - left - right) / count;
    const x = (index) => left + step * (index + 0.5);
    const svg = s("svg", { width, height, viewBox: `0 0 ${width} ${height}`, "aria-hidden": "true" });
    for (let line = 0; line <= 3; line += 1) {
      const at = low - pad + ((high - low + 2 * pad) * line) / 3;
      svg.append(s("line", { x1: left, x2: width - right, y1: y(at), y2: y(at), class: "ra-grid" }),
        s("text", { x: left - 6, y: y(at) + 4, "text-anchor": "end" }, at.toFixed(2).replace("-", "−")));
    }
    const every = Math.ceil(22 / step);
    curve.similarity.forEach((value, index) => {
      if (curve.dip[index]) svg.append(s("rect", { x: x(index) - step / 2, y: top, width: step,
        height: height - top - bottom, class: "ra-band" }));
    });
    svg.append(s("polyline", { class: "ra-line", points: curve.similarity
      .map((value, index) => (value === null ? "" : `${x(index)},${y(value)}`)).join(" ") }));
    curve.similarity.forEach((value, index) => {
      const middle = x(index);
      if (index % every === 0) svg.append(
        s("text", { x: middle, y: height - bottom + 17, "text-anchor": "middle" }, String(index + 1)));
      const verdict = s("text", { x: middle, y: height - bottom + 37, "text-anchor": "middle",
        class: `ra-v-${verdicts[index]}` }, { supported: "✓", hallucinated: "✕", unsure: "?" }[verdicts[index]] ?? "");
      svg.append(verdict);
      if (value === null) return;
      const mark = curve.dip[index]
        ? s("path", { d: `M${middle - 7},${y(value) - 6}h14l-7,12z`, class: "ra-tri" })
        : s("circle", { cx: middle, cy: y(value), r: step < 14 ? 3 : 5, class: "ra-dot" });
      mark.append(s("title", {}, `unit ${index + 1}: similarity ${value.toFixed(3)}`
        + (curve.delta[index] === null ? "" : `, delta ${signed(curve.delta[index])}`)));
      svg.append(mark);
    });
    holder.replaceChildren(svg);
  };
  new ResizeObserver(draw).observe(holder);
  return [facts, holder, h("p", { class: "ra-soft" },
    "Similarity of the image and the caption up to each unit; ▼ marks a dip. Below the axis, your verdicts: "
    + "✓ supported, ✕ hallucinated, ? unsure.")];
};
