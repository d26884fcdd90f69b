// Unfinished units outlive a reload: they are kept in this tab, with the caption that they belong to.

const DRAFTS_KEY = "specs-lens-units";
const MOST_DRAFTS = 8;

const drafts = (() => {
  const all = () => {
    try {
      const found = JSON.parse(sessionStorage.getItem(DRAFTS_KEY) || "[]");
      return Array.isArray(found) ? found : [];
    } catch { return []; }
  };
  const write = (list) => {
    try { sessionStorage.setItem(DRAFTS_KEY, JSON.stringify(list)); } catch { /* private window or full: kept in the page */ }
  };
  // Boundaries are kept as offsets, as a browser counts them, because another scoring may count the words otherwise.
  const offsets = (words, firsts) => firsts.map((first) => words.slice(0, first).join("").length);
  return {
    keep: (words, firsts) => {
      const caption = words.join("");
      write([{ caption, at: offsets(words, firsts) }, ...all().filter((draft) => draft.caption !== caption)].slice(0, MOST_DRAFTS));
    },
    drop: (words) => {
      const caption = words.join("");
      write(all().filter((draft) => draft.caption !== caption));
    },
    // The numbers of the words that begin a unit, or null where nothing is kept for this caption.
    find: (words) => {
      const caption = words.join("");
      const draft = all().find((one) => one?.caption === caption);
      if (!Array.isArray(draft?.at)) return null;
      const places = new Map();
      let offset = 0;
      words.forEach((word, index) => { places.set(offset, index); offset += word.length; });
      return draft.at.map((at) => places.get(at)).filter((index) => index > 0);
    },
  };
})();
