// Draws the figures, in the colours of the reader's scheme, and again where that changes or the page is printed.
const dark = matchMedia("(prefers-color-scheme: dark)");
const COLOURS = { "#0072B2": "#56B4E9", "#009E73": "#2fbf94", "#A23E78": "#e29ac4", "#667085": "#9aa3b5" };
const PRINTED_WIDTH = 660;
const plots = [...document.querySelectorAll(".plot")];
const texts = new Map(plots.map((plot) => [plot, document.getElementById(`${plot.id}-data`).textContent]));

function figureOf(plot, isDark) {
  let text = texts.get(plot);
  if (isDark) {
    for (const [light, other] of Object.entries(COLOURS)) text = text.replaceAll(`"${light}"`, `"${other}"`);
  }
  return JSON.parse(text);
}

function draw({ printed = false } = {}) {
  for (const plot of plots) {
    const { data, layout } = figureOf(plot, dark.matches && !printed);
    const half = plot.closest(".pair") ? 2 : 1;
    if (printed) Object.assign(layout, { width: PRINTED_WIDTH / half, autosize: false });
    Plotly.react(plot, data, layout, { responsive: !printed, displaylogo: false, displayModeBar: false });
  }
}

dark.addEventListener("change", () => draw());

addEventListener("beforeprint", () => draw({ printed: true }));
addEventListener("afterprint", () => draw());

draw();
