// The picture: wheel zoom, pan and pinch, and the heat map over it. Gradio draws the image; what changes here are style
// variables of its block, so that moving between units, a change of theme or its full screen leave the view alone.

const MOST_ZOOM = 12;
let zoom = { scale: 1, x: 0, y: 0 };
let heatOn = false;
let heatOpacity = 0.8;
let pictureIsScored = false;
let heatUnit = null;       // the unit that the open question is about
const heats = new Map();   // by unit: what the server answered
const frame = () => document.querySelector("#image .image-frame");
const clamp = (value, low, high) => Math.min(Math.max(value, low), high);

const applyZoom = () => {
  const block = document.getElementById("image");
  const box = frame()?.getBoundingClientRect();
  if (!block) return;
  if (box) {
    zoom.x = clamp(zoom.x, box.width * (1 - zoom.scale), 0);
    zoom.y = clamp(zoom.y, box.height * (1 - zoom.scale), 0);
  }
  block.style.setProperty("--zoom", zoom.scale);
  block.style.setProperty("--pan-x", `${zoom.x}px`);
  block.style.setProperty("--pan-y", `${zoom.y}px`);
  block.classList.toggle("lens-zoomed", zoom.scale > 1);
  const told = document.getElementById("zoom-level");
  if (told) told.textContent = `${Math.round(zoom.scale * 100)} %`;
};
const zoomTo = (scale, at) => {
  const box = frame()?.getBoundingClientRect();
  if (!box) return;
  const next = clamp(scale, 1, MOST_ZOOM);
  const [x, y] = at ? [at.clientX - box.left, at.clientY - box.top] : [box.width / 2, box.height / 2];
  zoom = { scale: next, x: x - ((x - zoom.x) * next) / zoom.scale, y: y - ((y - zoom.y) * next) / zoom.scale };
  applyZoom();
};
const resetZoom = () => { zoom = { scale: 1, x: 0, y: 0 }; applyZoom(); };

const bindPicture = (block) => {
  const fingers = new Map();
  const inFrame = (event) => frame()?.contains(event.target) && frame().querySelector("img");
  block.addEventListener("wheel", (event) => {
    if (!inFrame(event) || (event.deltaY > 0 && zoom.scale === 1)) return;  // nothing to zoom out of: the page scrolls
    event.preventDefault();
    zoomTo(zoom.scale * Math.exp(-clamp(event.deltaY, -200, 200) * 0.003), event);
  }, { passive: false });
  block.addEventListener("dblclick", (event) => {
    if (!inFrame(event)) return;
    if (zoom.scale > 1) resetZoom(); else zoomTo(3, event);
  });
  block.addEventListener("dragstart", (event) => { if (inFrame(event)) event.preventDefault(); });
  block.addEventListener("pointerdown", (event) => {
    if (!inFrame(event) || event.button !== 0) return;
    fingers.set(event.pointerId, event);
    frame().setPointerCapture(event.pointerId);
  });
  block.addEventListener("pointermove", (event) => {
    const before = fingers.get(event.pointerId);
    if (!before) return;
    if (event.buttons === 0) { fingers.delete(event.pointerId); return; }
    const [other] = [...fingers.values()].filter((finger) => finger.pointerId !== event.pointerId);
    if (other) {
      const apart = (a, b) => Math.hypot(a.clientX - b.clientX, a.clientY - b.clientY);
      const middle = { clientX: (event.clientX + other.clientX) / 2, clientY: (event.clientY + other.clientY) / 2 };
      zoomTo((zoom.scale * apart(event, other)) / Math.max(apart(before, other), 1), middle);
    } else if (zoom.scale > 1) {
      zoom = { ...zoom, x: zoom.x + event.clientX - before.clientX, y: zoom.y + event.clientY - before.clientY };
      applyZoom();
    }
    fingers.set(event.pointerId, event);
  });
  for (const over of ["pointerup", "pointercancel", "lostpointercapture"]) {
    block.addEventListener(over, (event) => fingers.delete(event.pointerId));
  }
};

// ---------------------------------------------------------------- the heat map

const heatButton = () => pressable("heat-toggle", heatOn ? "Hide heat map" : "Heat map", () => {
  heatOn = !heatOn;
  showDetails();
  showHeat();
  rememberView();
}, { "aria-pressed": String(heatOn), title: "Where in the image the change comes from: an estimate" });
const forgetHeat = () => { heats.clear(); giveUp("heat-map"); };
const showHeat = () => {
  const block = document.getElementById("image");
  const wanted = heatOn && pictureIsScored && inRange(chosen);
  const known = wanted ? heats.get(chosen) : null;
  const note = document.getElementById("heat-note");
  block?.style.setProperty("--heat", known?.png ? `url(${known.png})` : "none");
  block?.style.setProperty("--heat-opacity", heatOpacity);
  block?.classList.toggle("lens-heated", Boolean(known?.png));
  const tools = document.getElementById("heat-tools");
  if (tools) tools.hidden = !heatOn;
  if (note) {
    note.textContent = !heatOn ? "" : !pictureIsScored ? "Score this picture first." : !inRange(chosen) ? "Choose a unit." : !known ? "Looking …"
      : known.problem ?? `An estimate for unit ${chosen + 1}: ${known.says}`;
  }
  if (wanted && !known) {
    heatUnit = chosen;
    ask("heat-map", { unit: chosen, rows: edited ? rows : null });
  }
};
hear("heat-map", (value) => {
  heats.set(heatUnit, value.view === "problem" ? { problem: value.problem } : value);
  if (heatUnit === chosen) showHeat();
});

const showPictureTools = () => {
  const into = host("picture-tools");
  const step = (factor) => () => zoomTo(zoom.scale * factor);
  into.replaceChildren(
    h("div", { class: "lens-zoom", role: "group", "aria-label": "Zoom of the image" },
      pressable("zoom-out", "−", step(1 / 1.5), { "aria-label": "Zoom out" }),
      pressable("zoom-level", "100 %", resetZoom, { title: "Show the whole image" }),
      pressable("zoom-in", "+", step(1.5), { "aria-label": "Zoom in" }),
      h("span", { class: "lens-k" }, matchMedia("(pointer: coarse)").matches ? "pinch zooms, drag moves" : "wheel zooms, drag moves")),
    h("div", { class: "lens-heat", id: "heat-tools", hidden: "" },
      h("label", { class: "lens-k", for: "heat-opacity" }, "Heat map"),
      h("input", { type: "range", id: "heat-opacity", min: "0", max: "1", step: "0.05", value: String(heatOpacity), "aria-label": "Opacity of the heat map",
        oninput: (event) => { heatOpacity = Number(event.target.value); document.getElementById("image").style.setProperty("--heat-opacity", heatOpacity); } }),
      h("p", { class: "lens-k", id: "heat-note", role: "status" })));
};
const watchPicture = () => {
  const block = document.getElementById("image");
  if (!block || !host("picture-tools")) { setTimeout(watchPicture, 60); return; }
  showPictureTools();
  bindPicture(block);
  let source = null;
  const look = () => {
    const image = block.querySelector(".image-frame img");
    block.closest(".lens-picture").classList.toggle("lens-has-picture", image !== null);
    if (image?.src === source) return;
    source = image?.src ?? null;
    resetZoom();
    pictureIsScored = false;
    showHeat();
  };
  new MutationObserver(look).observe(block, { childList: true, subtree: true, attributes: true, attributeFilter: ["src"] });
  new ResizeObserver(applyZoom).observe(block);
  look();
};
