// What a search lists, and in which order: pages that hold most of the words, rare ones counting more, in headings
// more again; guides before what one looks up.  Sphinx's own lists nothing where one word is missing.
const LEAST = 0.5; // of the words' weight that a page must hold
const ROOMS = { guides: 6, start: 6, notebooks: 4, explanations: 4, families: 4, recipes: 2, reference: 2 };

var Scorer = {
  score: ([docname, title, anchor, descr, score]) => {
    const listed = docname.endsWith("/index") ? -4 : 0;
    return score + (ROOMS[docname.split("/")[0]] ?? 0) + listed;
  },
  objNameMatch: 11,
  objPartialMatch: 6,
  objPrio: { 0: 15, 1: 5, 2: -5 },
  objPrioDefault: 0,
  title: 15,
  partialTitle: 7,
  term: 5,
  partialTerm: 2,
};

const ranked = () => {
  const ofOne = Search.performTermsSearch;
  Search.performTermsSearch = (words, excluded) => {
    const { docnames, titleterms } = Search._index;
    const pages = new Map(); // by name: what Sphinx found, and the weights of words in its text and its headings
    let whole = 0;
    for (const word of words) {
      const hits = ofOne(new Set([word]), excluded);
      if (!hits.length) continue; // a word that no page has
      const weight = Math.log((docnames.length + 1) / hits.length);
      const headed = new Set([titleterms[word] ?? []].flat().map((page) => docnames[page]));
      whole += weight;
      for (const hit of hits) {
        const page = pages.get(hit[0]) ?? { hit, text: 0, headings: 0 };
        page.text += weight;
        page.headings += headed.has(hit[0]) ? weight : 0;
        pages.set(hit[0], page);
      }
    }
    const kept = [...pages.values()].filter((page) => page.text >= LEAST * whole);
    return kept.map(({ hit, text, headings }) => {
      const scored = [...hit];
      scored[4] = (30 * text + 20 * headings) / whole;
      return scored;
    });
  };
};
// It is read before or after Sphinx's own, which asks when the page is there.
typeof Search === "undefined" ? document.addEventListener("DOMContentLoaded", ranked) : ranked();
