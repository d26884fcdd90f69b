// What can be sent of a view: its address, and a report. The address says what is shown and how; `item` in it names an
// image and a caption that the server has (an example, or one that was stored by "Copy link"); without it the settings
// stand there all the same.

const wanted = new URLSearchParams(location.search);
let wantedOnce = Number.parseInt(wanted.get("unit") ?? "", 10);
let sharing = false;

// The unit that the address names, for the caption that it names, once.
const wantedUnit = () => {
  const index = wantedOnce - 1;
  wantedOnce = Number.NaN;
  return inRange(index) ? index : null;
};
const rememberView = () => {
  if (!base) return;
  const address = new URL(location.href);
  const put = (name, value) => (value === null || value === "" ? address.searchParams.delete(name) : address.searchParams.set(name, value));
  put("item", base.item);
  put("model", base.settings.model);
  put("units", base.settings.segmenter);
  // Whoever opens it gets this threshold, also where the model starts at another one, or will.
  put("threshold", base.settings.threshold || base.settings.default ? String(base.settings.threshold) : null);
  put("unit", edited || chosen === null ? null : String(chosen + 1));
  put("words", wordsShaded ? null : "off");
  put("heat", heatOn ? "on" : null);
  if (address.href !== location.href) history.replaceState(history.state, "", address);
};
const tellShare = (...parts) => document.getElementById("share-note")?.replaceChildren(...parts);
const copyAddress = async () => {
  try {
    await navigator.clipboard.writeText(location.href);
    tellShare("Link copied.");
  } catch {
    tellShare("The link stands in the address bar.");
  }
};
const shareView = () => {
  if (edited) { tellShare("Score the changed caption first; then its view can be sent."); return; }
  if (base.item) { rememberView(); copyAddress(); return; }
  sharing = true;
  tellShare("Storing …");
  ask("share");
};
hear("share", (value) => {
  if (!sharing) return;
  sharing = false;
  if (value.view === "problem") { tellShare(value.problem); return; }
  base.item = value.item;
  rememberView();
  copyAddress();
});
const openAddress = () => {
  wordsShaded = wanted.get("words") !== "off";
  heatOn = wanted.get("heat") === "on";
  const settings = Object.fromEntries(["item", "model", "units", "threshold"].map((name) => [name, wanted.get(name) ?? ""]));
  // Also where the address says nothing: the model may start at a threshold of its own.
  tell(settings.item ? "open" : "settings", settings);
};


// ---------------------------------------------------------------- the report

const askReport = () => {
  if (edited) { tellShare("Score the changed caption first; the report is of the scored one."); return; }
  tellShare("Writing the report …");
  ask("report");
};
hear("report", (value) => {
  if (value.view === "problem") { tellShare(value.problem); return; }
  save(value.html, "text/html", `${value.name}.html`);
  tellShare("Saved. ", pressable("report-json", "the same as JSON", () => save(value.json, "application/json", `${value.name}.json`)));
});

// ---------------------------------------------------------------- together

const start = () => {
  if (!["headline", "units", "downloads", "what-if", "picture-tools"].every(host)) { setTimeout(start, 30); return; }
  show();
  watchPlot("curve", bindPlot);
  watchPicture();
  openAddress();
};
document.addEventListener("keydown", keyOnPage);
start();
watch("value", show);
