// What a search lists first: pages whose headings hold most of the words, and guides before what one looks up.
var Scorer = {
  score: ([docname, title, anchor, descr, score, filename, kind]) => {
    const [, words] = Search._parseQuery(new URLSearchParams(window.location.search).get("q") ?? "");
    const page = Search._index.docnames.indexOf(docname);
    const inHeadings = [...words].filter((word) => [Search._index.titleterms[word] ?? []].flat().includes(page));
    const room = { guides: 6, start: 4, explanations: 4, reference: 2 }[docname.split("/")[0]] ?? 0;
    const listed = docname.endsWith("/index") ? -4 : 0;
    const named = kind === "text" ? (20 * inHeadings.length) / Math.max(1, words.size) : score;
    return named + room + listed;
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
