// What scripts build a page with. Text from people is only ever set as textContent; nothing is built from HTML.

const host = (id) => document.querySelector(`#${id} .lens-host`);
const h = (tag, attributes = {}, ...children) => {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value !== false && value !== null && value !== undefined) node.setAttribute(name, value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
};
const save = (text, type, name) => {
  const link = h("a", { href: URL.createObjectURL(new Blob([text], { type })), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
};

// Calls `bind` with the plot in a component once it is drawn, and with every plot that is drawn there later.
const watchPlot = (id, bind) => {
  const curve = document.getElementById(id);
  if (!curve) { setTimeout(() => watchPlot(id, bind), 60); return; }
  const bindNew = () => {
    const plot = curve.querySelector(".js-plotly-plot");
    if (!plot || typeof plot.on !== "function" || plot.dataset.lensBound) return;
    plot.dataset.lensBound = "yes";
    bind(plot);
  };
  new MutationObserver(bindNew).observe(curve, { childList: true, subtree: true });
  bindNew();
};
// Scrolls to a card of which the reader sees little.
const bringIntoSight = (id) => {
  const card = document.getElementById(id);
  const { top, bottom, height } = card.getBoundingClientRect();
  if (Math.min(bottom, innerHeight) - Math.max(top, 0) > 0.75 * Math.min(height, innerHeight)) return;
  const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
  card.scrollIntoView({ block: "start", behavior: calm ? "auto" : "smooth" });
};
