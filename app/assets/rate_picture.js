// The image: wheel, pinch and drag. Where one looks is part of the draft, in fractions of the frame, so that a window
// of another size shows the same place.

const MOST_ZOOM = 8;
let zoomReset = () => {};

const picture = (image) => {
  const state = form.zoom;
  const img = h("img", { src: image.src, alt: "The image that the caption describes", draggable: "false",
    width: image.width, height: image.height });
  const frame = h("div", { class: "ra-zoom" }, img);
  const show = () => {
    const limit = (state.scale - 1) / 2;
    state.x = Math.max(-limit, Math.min(limit, state.x));
    state.y = Math.max(-limit, Math.min(limit, state.y));
    img.style.transform = `translate(${100 * state.x}%, ${100 * state.y}%) scale(${state.scale})`;
    frame.classList.toggle("ra-zoomed", state.scale > 1);
    level.textContent = `${Math.round(100 * state.scale)} %`;
  };
  const moved = () => { show(); touch(false); };
  // x and y are fractions of the frame from its middle: that place stays where it is.
  const zoom = (factor, x = 0, y = 0) => {
    const before = state.scale;
    state.scale = Math.max(1, Math.min(MOST_ZOOM, before * factor));
    const ratio = state.scale / before;
    state.x = x - (x - state.x) * ratio;
    state.y = y - (y - state.y) * ratio;
    moved();
  };
  const within = (at) => {
    const box = frame.getBoundingClientRect();
    return [(at.clientX - box.left) / box.width - 0.5, (at.clientY - box.top) / box.height - 0.5];
  };
  zoomReset = () => { Object.assign(state, { scale: 1, x: 0, y: 0 }); moved(); };
  frame.addEventListener("wheel", (event) => {
    // Turning away from an image that is already whole goes on scrolling the page.
    if (event.deltaY > 0 && state.scale === 1) return;
    event.preventDefault();
    zoom(event.deltaY < 0 ? 1.2 : 1 / 1.2, ...within(event));
  }, { passive: false });
  const fingers = new Map();
  frame.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    fingers.set(event.pointerId, event);
    if (state.scale > 1 || fingers.size > 1) frame.setPointerCapture(event.pointerId);
  });
  frame.addEventListener("pointermove", (event) => {
    const before = fingers.get(event.pointerId);
    if (!before) return;
    const [other] = [...fingers.values()].filter((finger) => finger.pointerId !== event.pointerId);
    fingers.set(event.pointerId, event);
    if (other) {
      const apart = (a, b) => Math.max(1, Math.hypot(a.clientX - b.clientX, a.clientY - b.clientY));
      zoom(apart(event, other) / apart(before, other),
        ...within({ clientX: (event.clientX + other.clientX) / 2, clientY: (event.clientY + other.clientY) / 2 }));
    } else if (state.scale > 1) {
      const [fromX, fromY] = within(before);
      const [x, y] = within(event);
      state.x += x - fromX;
      state.y += y - fromY;
      moved();
    }
  });
  for (const over of ["pointerup", "pointercancel", "lostpointercapture"]) {
    frame.addEventListener(over, (event) => fingers.delete(event.pointerId));
  }
  frame.addEventListener("dblclick", (event) => { if (state.scale > 1) zoomReset(); else zoom(3, ...within(event)); });
  const level = h("span", { class: "ra-level" });
  const figure = h("figure", {}, frame, h("div", { class: "ra-tools" },
    h("span", { class: "ra-soft" }, matchMedia("(pointer: coarse)").matches ? "pinch zooms, drag moves" : "wheel zooms, drag moves"),
    button("−", () => zoom(1 / 1.4), { "aria-label": "Zoom out", title: "Zoom out" }),
    button([level, key("whole")], () => zoomReset(), { id: "rate-whole", "aria-label": "Whole image", title: "Whole image" }),
    button("+", () => zoom(1.4), { "aria-label": "Zoom in", title: "Zoom in" })));
  show();
  return figure;
};
