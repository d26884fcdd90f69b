// The examples: six drawn scenes, each with a caption that is true and one with a false fact. Runs once, when the
// component is mounted, with Gradio's `element`, `props` and `trigger`.

const box = element.querySelector(".lens-host");
const versions = [["true", "true caption"], ["false", "one false fact"]];
let version = "false";

const make = (tag, attributes, ...children) => {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value);
  }
  node.append(...children);
  return node;
};
const radios = versions.map(([value, label]) => {
  const input = make("input", { type: "radio", name: "example-version", value, onchange: () => { version = value; } });
  input.checked = value === version;
  return make("label", {}, input, make("span", {}, label));
});
const note = make("div", { class: "lens-k", id: "example-note", role: "status" },
  "Choose a picture: it is scored with its caption.");
const choose = (index, example) => {
  note.textContent = version === "false" ? `False in this caption: “${example.false}”.`
    : "Everything in this caption is true; a dip here is a false alarm.";
  trigger("choose", { index, version });
};
const thumbs = (props.value || []).map((example, index) =>
  make("button", {
    type: "button", class: "lens-thumb", "data-example": index, "aria-label": `Example ${index + 1}`,
    onclick: () => choose(index, example),
  }, make("img", { src: example.image, alt: "", width: 56, height: 56, draggable: "false" })));
box.append(
  make("div", { class: "lens-example-head" }, make("span", { class: "lens-k" }, "Examples"),
    make("div", { class: "lens-seg", role: "radiogroup", "aria-label": "Which caption" }, ...radios)),
  make("div", { class: "lens-thumbs" }, ...thumbs), note);
