// The page: runs, what to do with them, what is asked, a column for each.

import { Column } from "./column.js";
import { Control, merged } from "./controls.js";
import { by, chip, made } from "./elements.js";
import { Example } from "./example.js";
import { asked, refusal } from "./stream.js";

const TALK = "chat";  // which has turns

const state = { runs: [], mode: null, controls: [], columns: new Map(), abort: null, kept: new Map(), example: null };

const chosen = () => state.runs.filter((run) => state.on.has(run.run) && state.mode in run.verbs);
const titled = (verb) => verb[0].toUpperCase() + verb.slice(1);
const control = (name) => state.controls.find((own) => own.name === name);

async function begin() {
  const answer = await fetch("runs");
  if (!answer.ok) throw new Error(await refusal(answer));
  Object.assign(state, await answer.json());
  state.on = new Set(state.runs.map((run) => run.run));
  by("runs").append(...state.runs.map((run) => {
    const own = chip("checkbox", "run", run.name, true, { value: run.run });
    own.title = run.about;
    own.firstChild.addEventListener("change", ({ target }) => {
      target.checked ? state.on.add(run.run) : state.on.delete(run.run);
      shown();
    });
    return own;
  }));
  const verbs = [...new Set(state.runs.flatMap((run) => Object.keys(run.verbs)))];
  [state.mode] = verbs;
  by("modes").hidden = verbs.length < 2;
  by("modes").append(...verbs.map((verb) => {
    const own = chip("radio", "mode", titled(verb), verb === state.mode, { value: verb });
    own.firstChild.addEventListener("change", () => { state.mode = verb; stop(); shown(true); });
    return own;
  }));
  shown(true);
}

/** Controls and columns of the runs that are switched on. */
function shown(anew = false) {
  for (const control of state.controls) state.kept.set(control.declared.key, control.value());
  const runs = chosen(), first = [], plain = [], rest = [];
  for (const declared of merged(runs, state.mode)) {
    const of = declared.runs.length < runs.length ? declared.runs.map((run) => run.name).join(", ") : "";
    const own = new Control(declared, of);
    own.runs = declared.runs;
    const usual = ["whole", "number"].includes(declared.kind) && declared.default !== null;
    (declared.first ? first : usual ? plain : rest).push(own);
  }
  state.controls = [...first, ...plain, ...rest];
  for (const control of state.controls) {
    const kept = state.kept.get(control.declared.key);
    if (kept !== undefined) control.fill(kept);
  }
  const more = rest.length
    ? [made("details", {}, made("summary", {}, "More options"), ...rest.map((control) => control.element))] : [];
  by("controls").replaceChildren(...[...first, ...plain].map((control) => control.element), ...more);
  if (anew) state.columns.clear();
  for (const run of runs) {
    if (state.columns.has(run.run)) continue;
    state.columns.set(run.run, new Column(run));
    if (state.mode === TALK) state.columns.get(run.run).talks();
  }
  const columns = runs.map((run) => state.columns.get(run.run).element);
  by("stage").replaceChildren(...begunWith(runs), ...columns);
  if (!runs.length) by("stage").append(made("p", { className: "empty" }, "No run that can do this is switched on."));
  by("go").textContent = state.mode === TALK ? "Send" : titled(state.mode);
  by("again").textContent = state.mode === TALK ? "New talk" : "Next seed";
  by("again").hidden = state.mode !== TALK && !control("seed");
  by("go").disabled = !runs.length;
}

/** What is begun with, where something is made of an example. */
function begunWith(runs) {
  const verb = state.mode;
  if (!runs.length || !runs[0].apart?.[verb]) return [];
  if (state.example?.run !== runs[0]) {
    state.example = new Example(runs[0]);
    state.example.beside = wordsOf;
    state.example.changed = sayingOfFiles;
  }
  state.example.ask(verb);
  sayingOfFiles();
  return [state.example.element];
}

/** What says something of a file is asked where there is one. */
const idle = (own) => own.declared.of_file === true && !state.example?.key;

function sayingOfFiles() {
  for (const own of state.controls) own.element.hidden = idle(own);
}

/** What is asked of one run, by the words of a command. */
function wordsOf(run) {
  const words = {};
  for (const own of state.controls) {
    const value = own.value();
    if (value !== undefined && own.runs.includes(run) && !idle(own)) words[own.name] = value;
  }
  return words;
}

async function draw() {
  stop();
  const runs = chosen(), mode = state.mode, say = mode === TALK ? control("say")?.value() : "";
  if (!runs.length || say === undefined) return;
  const abort = new AbortController(), said = [], apart = runs[0].apart?.[mode];
  state.abort = abort;
  by("stop").disabled = false;
  by("status").textContent = "drawing";
  runs.forEach((run) => state.columns.get(run.run).begin());
  const first = state.columns.get(runs[0].run).element;
  if (first.getBoundingClientRect().top > innerHeight - 200) first.scrollIntoView();  // below, as on a phone
  let more = {};
  if (apart) {
    try {
      const { words, file } = await state.example.words();
      more = words;
      runs.forEach((run) => state.columns.get(run.run).masked(file));
    } catch (error) {
      runs.forEach((run) => state.columns.get(run.run).end(error.message, true));
      return;
    }
  }
  if (say) control("say").fill("");
  await Promise.all(runs.map((run) => {
    const column = state.columns.get(run.run);
    const words = { ...wordsOf(run), ...more };
    if (say) words.turns = column.talk.ask(say);
    return asked(mode, { run: run.run, words }, abort.signal, (event) => {
      const last = column.told(event);
      if (last) said.push(last);
    });
  }));
  if (say && control("say")?.value() === undefined && runs.every((run) => !state.columns.get(run.run).talk.heard(say))) {
    control("say").fill(say);  // it was refused: to be said otherwise
  }
  if (state.abort === abort) {
    by("stop").disabled = true;
    by("status").textContent = said.join("; ");
  }
}

function stop() {
  state.abort?.abort();
  state.abort = null;
  by("stop").disabled = true;
}

by("asked").addEventListener("submit", (event) => { event.preventDefault(); draw(); });
by("stop").addEventListener("click", stop);
by("again").addEventListener("click", () => {
  if (state.mode === TALK) {
    stop();
    for (const column of state.columns.values()) column.talks();
    return;
  }
  for (const seed of state.controls.filter((own) => own.name === "seed")) seed.fill((seed.value() ?? 0) + 1);
  draw();
});
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") stop();
  const says = state.mode === TALK && event.target.tagName === "TEXTAREA";  // whose turns are lines
  if (event.key === "Enter" && (says || event.ctrlKey || event.metaKey)) { event.preventDefault(); draw(); }
});
begin().catch((error) => by("stage").replaceChildren(made("p", { className: "said error" }, error.message)));
