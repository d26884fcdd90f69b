// The frame: the switch between light and dark, and the keys that work on every page.
(() => {
  const KEY = "specs-lens-theme";
  const stored = () => { try { return localStorage.getItem(KEY); } catch { return null; } };
  const store = (theme) => { try { localStorage.setItem(KEY, theme); } catch { /* private window: not kept */ } };
  const apply = (theme) => document.body.classList.toggle("dark", theme === "dark");

  // Gradio sets the theme of the system while it starts, so the stored choice is applied once it is done.
  const start = () => {
    if (!document.querySelector(".lens-theme")) { setTimeout(start, 60); return; }
    const asked = new URLSearchParams(location.search).has("__theme");
    if (stored() && !asked) apply(stored());
  };
  start();

  document.addEventListener("click", (event) => {
    if (!event.target.closest?.(".lens-theme")) return;
    const theme = document.body.classList.contains("dark") ? "light" : "dark";
    apply(theme);
    store(theme);
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
    if (!event.target.closest?.("#caption")) return;
    event.preventDefault();
    // The field hands its text over when it is left.
    event.target.blur();
    setTimeout(() => { document.getElementById("score-button")?.click(); event.target.focus(); }, 30);
  });
})();

// An invitation comes in the fragment of an address, #invite=CODE. It is taken out at once, so that it stays neither in
// the address nor in the history; the Rate page signs in with it.
(() => {
  const take = () => {
    const code = new URLSearchParams(location.hash.slice(1)).get("invite");
    if (code === null) return;
    history.replaceState(history.state, "", location.pathname + location.search);
    window.specsLensInvite = code;
    window.dispatchEvent(new CustomEvent("specs-lens-invite", { detail: code }));
    const open = () => {
      const tab = [...document.querySelectorAll('[role="tab"]')].find((one) => one.textContent.trim() === "Rate");
      if (tab) tab.click(); else setTimeout(open, 60);
    };
    open();
  };
  take();
  window.addEventListener("hashchange", take);
})();

// An address with a choice of the analysis opens on Analyse for whoever may see it; one that names an item besides opens
// on Inspect, where that item is. A reload stays on the page that was left.
(() => {
  const KEY = "specs-lens-left";
  const address = new URLSearchParams(location.search);
  const selected = () => document.querySelector('[role="tab"][aria-selected="true"]')?.textContent.trim();
  const take = () => { try { return sessionStorage.getItem(KEY); } catch { return null; } };
  addEventListener("pagehide", () => { try { sessionStorage.setItem(KEY, selected() ?? ""); } catch { /* not kept */ } });
  const isReload = performance.getEntriesByType("navigation")[0]?.type === "reload";
  const isWanted = isReload && take() ? take() === "Analyse" : !address.has("item");
  // An invitation has opened Rate.
  if (!address.has("analyse") || !isWanted || window.specsLensInvite) return;
  const open = () => {
    const now = selected();
    // On a phone the tab stands in the menu.
    const tab = [...document.querySelectorAll('[role="tab"], .overflow-dropdown button')].find(
      (one) => one.textContent.trim() === "Analyse");
    if (!now || !tab) { setTimeout(open, 60); return; }
    // Whoever has chosen another page meanwhile stays there.
    if (now === "Inspect") tab.click();
  };
  fetch("/session").then((reply) => reply.json()).then((me) => {
    if (["adjudicator", "admin"].includes(me.role)) open();
  }).catch(() => { /* the page stays as it opens for everybody */ });
})();
