"use strict";
// The review page: it asks for one row after another, and sends what a person decides. Texts of the data are put in as
// text alone, never as markup.

const byId = (id) => document.getElementById(id);
const state = { info: null, view: null, place: { queue: "worst first" }, trail: [], sent: null, busy: false, chosen: "" };
const GIVEN = "given is right", LABEL = "label is", FOUND = "finding is right", UNCLEAR = "unclear", EXCLUDE = "exclude the row";
const CLASS_IS = "class is", BACKGROUND = "background";
const PAIR = "one class pair", FEW_CELLS = 12, KEPT_NAME = "cleanlab-reviewer";

function make(tag, about = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(about)) {
    if (name === "text") element.textContent = value;
    else if (name === "click") element.addEventListener("click", value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== null) element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child !== null));
  return element;
}

// ---- asking the server

async function ask(path, options) {
  let answer, content;
  try {
    answer = await fetch(path, options);
    content = await answer.json();
  } catch (error) {
    const why = answer ? `it answered ${answer.status}` : "is it still running?";
    throw new Error(`The server cannot be asked (${why}). Nothing is lost: decide again.`);
  }
  if (!answer.ok) throw new Error(content.error);
  return content;
}

const post = (path, body) =>
  ask(path, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) });

async function work(action) {
  if (state.busy) return;
  state.busy = true;
  document.body.setAttribute("aria-busy", "true");
  try {
    byId("error").hidden = true;
    await action();
  } catch (error) {
    byId("error-text").textContent = error.message;
    byId("error").hidden = false;
  } finally {
    state.busy = false;
    document.body.removeAttribute("aria-busy");
  }
}

const query = (more) => new URLSearchParams({ ...state.place, reviewer: reviewer(), ...more }).toString();
const reviewer = () => byId("reviewer").value.trim();

function makeToken() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

// ---- what a person can do

function decide(verdict, label = "", element = "") {
  const item = state.view?.item;
  if (!item) return;
  work(async () => {
    const said = { row: item.key, issue_type: item.issue?.issue_type ?? "label", element, verdict, label, note: byId("note").value, reviewer: reviewer(), place: state.place };
    // The same decision again is the same request, whose answer was lost: its token enters it once.
    if (!state.sent || JSON.stringify(state.sent.said) !== JSON.stringify(said)) {
      state.sent = { said, token: makeToken() };
    }
    const view = await post("/api/decide", { ...said, token: state.sent.token, data_version: state.info.data_version });
    state.sent = null;
    if (view.item?.key !== item.key) state.trail.push(item.key);
    if (element) chooseNext(view.item, element);
    show(view);
  });
}

function undo() {
  const entry = state.view?.progress.undo;
  if (!entry) return tell("There is no decision of yours to take back.");
  work(async () => show(await post("/api/undo", { entry, reviewer: reviewer(), place: state.place })));
}

function skip() {
  const item = state.view?.item;
  work(async () => {
    const view = await ask(`/api/item?${query({ after: item ? item.key : "" })}`);
    if (item && view.item && view.item.key !== item.key) state.trail.push(item.key);
    show(view);
  });
}

function back() {
  if (!state.trail.length) return tell("This is the first row that was shown.");
  work(async () => {
    const view = await ask(`/api/item?${query({ row: state.trail[state.trail.length - 1] })}`);
    state.trail.pop();
    show(view);
  });
}

function open(row) {
  const item = state.view?.item;
  work(async () => {
    const view = await ask(`/api/item?${query({ row })}`);
    if (item) state.trail.push(item.key);
    byId("found").hidden = true;
    show(view);
  });
}

function chooseQueue(place) {
  state.place = place;
  work(async () => {
    await describe();
    show(await ask(`/api/item?${query({})}`));
  });
}

let searches = 0;
async function search() {
  const text = byId("search-text").value.trim(), turn = ++searches, list = byId("found");
  if (!text) return void (list.hidden = true);
  let rows;
  try {
    rows = (await ask(`/api/search?${new URLSearchParams({ text })}`)).rows;
  } catch (error) {
    return tell(error.message);
  }
  if (turn !== searches) return;
  list.replaceChildren(...(rows.length ? rows : [null]).map((row) => make("li", {}, row === null
    ? make("span", { text: "No row has that." })
    : make("button", { type: "button", click: () => open(row.row_id) },
      make("strong", { text: row.row_id }), ` ${row.label} `, make("span", { class: "small", text: row.note })))));
  list.hidden = false;
}

// The only class that begins with what was typed; what was typed where there is none, and the server says what is allowed.
function complete(typed, classes) {
  if (classes.includes(typed)) return typed;
  const alike = classes.filter((name) => name.toLowerCase().startsWith(typed.toLowerCase()));
  const same = alike.filter((name) => name.toLowerCase() === typed.toLowerCase());
  return same.length === 1 ? same[0] : alike.length === 1 ? alike[0] : typed;
}

function takeOther() {
  const field = byId("other"), typed = field.value.trim();
  if (!typed) return field.focus();
  const { label_kind: kind, classes } = state.info;
  decide(LABEL, kind === "class" ? complete(typed, classes) : typed);
}

const takeSet = () => decide(LABEL, [...document.querySelectorAll(".toggles [aria-pressed=true]")].map((one) => one.value));

// ---- what is shown

const tell = (text) => void (byId("status").textContent = text);
const percent = (share) => share < 0.0005 ? "< 0.1 %" : share > 0.9995 ? "> 99.9 %" : `${(100 * share).toFixed(1)} %`;

function key(letter, verb, action, about = {}, ...more) {
  const { what, ...rest } = about;
  return make("button", { type: "button", click: action, "aria-keyshortcuts": letter, ...rest },
    make("kbd", { text: letter.toUpperCase() }), make("span", { class: "what", text: what ? `${verb} ${what}` : verb }), ...more);
}

function drawPanel(item) {
  const { label_kind, classes, allowed } = state.info, parts = [], { progress } = state.view;
  const { issue } = item, kind = issue ? "" : label_kind; // of another issue no label is asked
  if (item.elements.length) parts.push(make("div", { id: "element", class: "element" }), make("hr"));
  if (issue) {
    parts.push(make("h3", { text: `Is the finding right: ${issue.shown}?` }), make("p", { class: "small", text: issue.meaning }));
    parts.push(key("f", "Finding is right", () => decide(FOUND), { class: "first" }), key("g", "Finding is wrong: the row is fine", () => decide(GIVEN)));
  } else parts.push(make("h3", { text: item.elements.length ? "The whole row" : "Decide" }), key("g", item.given_name === "given label" ? "Given is right:" : "Majority is right:", () => decide(GIVEN), { class: "first", what: item.given ?? "there is none", disabled: item.given === null }));
  item.candidates.forEach((one, number) => {
    const share = one.probability === null ? [] : [
      make("progress", { max: 1, value: one.probability, "aria-hidden": "true" }),
      make("span", { class: "share", text: percent(one.probability) })];
    const what = one.is_given ? `${one.shown} (given)` : one.shown;
    parts.push(key(String(number + 1), "", () => one.is_given ? decide(GIVEN) : decide(LABEL, one.label), { what }, ...share));
  });
  if (kind === "class" || kind === "number") {
    const text = kind === "number" ? `Another value (${allowed})` : "Another label";
    const field = make("input", { id: "other", autocomplete: "off", list: kind === "class" && "classes", inputmode: kind === "number" && "decimal" });
    field.addEventListener("keydown", (event) => { if (event.key === "Enter") { event.preventDefault(); takeOther(); } });
    parts.push(make("div", { class: "other" },
      make("label", { for: "other", class: "small" }, make("kbd", { text: "O" }), ` ${text}`), field,
      make("button", { type: "button", text: "Save", click: takeOther })));
    if (kind === "class") parts.push(make("datalist", { id: "classes" }, ...classes.map((name) => make("option", { value: name }))));
  }
  if (kind === "set") {
    const pressed = new Set(item.members);
    parts.push(make("div", { class: "other" }, make("span", { class: "small" }, make("kbd", { text: "O" }), " Other classes"),
      make("div", { class: "toggles", role: "group", "aria-label": "Classes of the row" }, ...classes.map((name) => {
        const share = item.probabilities[name];
        return make("button", { type: "button", value: name, "aria-pressed": String(pressed.has(name)),
          click: (event) => { const one = event.currentTarget; one.setAttribute("aria-pressed", String(one.getAttribute("aria-pressed") !== "true")); } },
          share === undefined ? name : `${name} ${percent(share)}`);
      }))), key("l", "Label is the classes chosen", takeSet));
  }
  parts.push(make("div", { class: "row-of two" }, key("u", "Unclear", () => decide(UNCLEAR)), key("x", issue ? "Right, and exclude the row" : "Exclude the row", () => decide(EXCLUDE))));
  const note = make("textarea", { id: "note", maxlength: 2000, rows: 1 });
  parts.push(make("label", { for: "note", class: "small" }, make("kbd", { text: "N" }), " Note, kept with the decision"), note, make("hr"));
  parts.push(make("div", { class: "row-of three" }, key("b", "Back", back), key("s", "Skip", skip),
    key("z", "Undo", undo, { disabled: progress.undo === null, title: progress.undo === null ? null : `entry ${progress.undo}: ${progress.undo_said}` })));
  return make("div", { class: "decide" }, ...parts);
}

function drawPrimary(item) {
  const badge = (text, kind = "") => text ? make("span", { class: `badge ${kind}`, text }) : null;
  const labels = [make("dt", { text: item.given_name }), make("dd", {}, item.given ?? "none",
    ...(item.given_note ? [make("span", { class: "small", text: ` ${item.given_note}` })] : []))];
  labels.push(make("dt", { text: "suggested" }), make("dd", { text: item.suggested }));
  const parts = [make("h2", { id: "row", tabindex: -1, text: item.own_id ? `${item.own_id} (${item.row_id})` : item.row_id }),
    make("div", { class: "badges" },
      badge(item.is_flagged ? `${item.issue ? "label " : ""}flagged, rank ${item.rank.toLocaleString("en")}` : item.rank === null ? "not audited" : item.issue ? "label not flagged" : "not flagged", item.is_flagged ? "flag" : ""),
      badge(item.quality === null ? "" : `label quality ${item.quality.toPrecision(2)}`), badge(item.split), badge(item.is_flagged ? item.reason : ""),
      badge(item.kind_of_case),
      ...item.flagged_as.map((name) => badge(name, name === item.issue?.shown ? "flag" : "")),
      badge(item.issue && item.issue.score !== null ? `${item.issue.shown} score ${item.issue.score.toPrecision(2)}` : ""),
      badge(item.asked_for),
      badge(item.state ? `decided: ${item.state}` : "", "done")),
    make("dl", { class: "labels" }, ...labels)];
  for (const text of item.texts) parts.push(make("h3", { text: text.name }), make("p", { class: "text", text: text.value }));
  if (item.sentence.length) {
    parts.push(make("p", { class: "sentence" }, ...item.sentence.map((token) => make("span", { class: token.is_row ? "token here" : "token" },
      make("span", { text: token.text }), make("span", { class: "tag", text: token.label })))));
  }
  if (item.findings.length) parts.push(make("ul", { class: "findings" }, ...item.findings.map((text) => make("li", { text }))));
  if (item.pictures.length) {
    parts.push(make("div", { class: "pictures" }, ...item.pictures.map((picture) => make("figure", {}, make("div", { class: "canvas" },
      make("img", { src: address(item.key, picture), alt: `${picture.name} of ${item.row_id}${picture.source ? "" : `: ${item.findings.join("; ") || "nothing flagged"}`}` }),
      picture.source && item.elements.length ? make("span", { class: "place", hidden: true, "aria-hidden": "true" }) : null),
      make("figcaption", { text: picture.name })))));
  }
  if (item.elements.length) parts.push(...drawElements(item));
  return parts;
}

const address = (row, picture) => `/picture?${new URLSearchParams({ row, source: picture.source, version: state.info.data_version })}`;

function drawRest(item) {
  const parts = [], card = (title, content, wide = false) => parts.push(make("section", { class: wide ? "card wide" : "card" }, make("h3", { text: title }), content));
  const table = (heads, rows) => make("div", { class: "scroll" }, make("table", {},
    make("thead", {}, make("tr", {}, ...heads.map((text) => make("th", { scope: "col", text })))),
    make("tbody", {}, ...rows.map((row) => make("tr", { class: row.className ?? null }, ...row.cells.map((cell) => make("td", {}, cell)))))));
  const link = (row) => row.can_be_shown ? make("button", { type: "button", class: "link", text: row.row_id, click: () => open(row.row_id) }) : row.row_id;
  const hasMore = (rows) => rows.some((row) => row.note || row.picture);
  const listRows = (rows) => table(["row", "label", "distance", ...(hasMore(rows) ? [""] : [])], rows.map((row) => ({
    cells: [link(row), row.label, row.distance, ...(hasMore(rows) ? [row.picture ? make("img", { class: "small-picture", src: address(row.row_id, { source: row.picture }), alt: `${row.picture} of ${row.row_id}`, loading: "lazy" }) : row.note] : [])] })));
  function drawCells() {
    if (!item.cells.length) return;
    const unusual = item.cells.filter((cell) => cell.unusual), usual = item.cells.filter((cell) => !cell.unusual);
    const draw = (cell) => make("div", { class: cell.unusual ? "unusual" : null }, make("dt", { text: cell.name }),
      make("dd", { text: cell.value }), ...(cell.unusual ? [make("dd", { class: "small", text: cell.unusual })] : []));
    const title = unusual.length ? `Values of the row, ${unusual.length} of them unusual` : "Values of the row";
    card(title, make("dl", { class: "cells" }, ...[...unusual, ...usual].map(draw)), item.cells.length > FEW_CELLS);
  }
  const few = item.cells.length <= FEW_CELLS; // many of them would push all else out of sight
  if (few) drawCells();
  if (item.votes.length) card("Votes of the annotators", table(["annotator", "label", "quality"], item.votes.map((vote) => ({ cells: [vote.annotator, vote.label, vote.quality] }))));
  if (item.neighbors.length) card("Nearest rows", listRows(item.neighbors), hasMore(item.neighbors));
  if (item.opinions.length) {
    card("Other models", table(["model", "says", "suggests", "quality"], item.opinions.map((one) => ({ cells: [one.model, one.is_flagged ? "flagged" : "not flagged", one.suggested, one.quality] }))));
  }
  if (item.second_opinion) {
    const said = item.second_opinion;
    const verdict = said.is_given_defensible ? "defensible" : "not defensible";
    card("Second opinion, by a language model", make("div", { class: "opinion" }, make("p", { text: said.sentence }), make("dl", { class: "labels" },
      make("dt", { text: "given label" }), make("dd", {}, verdict, make("span", { class: "small", text: ` ${percent(said.confidence)} sure` })),
      make("dt", { text: "likeliest label" }), make("dd", { text: said.label }))));
  }
  if (item.duplicates.length) card("Near duplicates", listRows(item.duplicates), hasMore(item.duplicates));
  if (item.history.length) {
    const hasSubjects = item.history.some((past) => past.subject);
    card("Decided before", table(["entry", ...(hasSubjects ? ["of"] : []), "reviewer", "decision", "when, UTC", "note"], item.history.map((past) => ({
      className: past.undone_by === null ? null : "undone",
      cells: [String(past.entry), ...(hasSubjects ? [past.subject || "the row"] : []), past.reviewer, past.undone_by === null ? past.said : `${past.said} (taken back by ${past.undone_by})`, past.made_at, past.note] }))));
  }
  if (!few) drawCells();
  const narrow = parts.filter((part) => !part.classList.contains("wide"));
  if (narrow.length % 2) narrow[narrow.length - 1].classList.add("wide"); // no hole beside the last one
  return parts;
}

function show(view) {
  const isSameRow = Boolean(view.item) && state.view?.item?.key === view.item.key;
  state.view = view;
  const { item, progress } = view, done = progress.size === 0 ? "This queue is empty." : "Every row of this queue is decided.";
  byId("bar").max = Math.max(progress.size, 1);
  byId("bar").value = progress.decided;
  byId("progress").textContent = `${progress.decided.toLocaleString("en")} of ${progress.size.toLocaleString("en")} decided. Precision of the flags: ${progress.precision}.`;
  const chosen = byId("queue").selectedOptions[0];
  if (chosen && state.place.queue !== PAIR) chosen.textContent = `${state.place.queue} (${(progress.size - progress.decided).toLocaleString("en")})`;
  byId("advice").textContent = progress.advice;
  byId("advice").hidden = !progress.advice;
  tell(view.message);
  byId("primary").replaceChildren(...(item ? drawPrimary(item) : [make("h2", { id: "row", tabindex: -1, text: done }), make("p", { text: "Choose another queue, or take back the last decision." })]));
  byId("panel").replaceChildren(item ? drawPanel(item) : make("div", { class: "decide" }, make("div", { class: "row-of" }, key("b", "Back", back), key("z", "Undo", undo, { disabled: progress.undo === null }))));
  byId("rest").replaceChildren(...(item ? drawRest(item) : []));
  if (item?.elements.length) choose(item.elements.some((one) => one.name === state.chosen) && isSameRow ? state.chosen : findOpen(item.elements).name);
  byId("row").focus({ preventScroll: true });
  if (!isSameRow) window.scrollTo(0, 0);
  history.replaceState(null, "", `/?${new URLSearchParams({ ...state.place, ...(item ? { row: item.key } : {}) })}`);
  if (item && view.upcoming) for (const picture of item.pictures) new Image().src = address(view.upcoming, picture);
}

// ---- boxes and regions, each decided by itself

const OF_ELEMENT = [
  ["t", "take the predicted box", (one) => `Take the predicted box: ${one.suggested}`],
  ["t", "add the predicted box", (one) => `Add the predicted box: ${one.suggested}`],
  ["t", "take the predicted region", (one) => `Take the predicted class: ${one.suggested}`],
  ["d", "drop box", () => "Drop the box: there is no object"],
  ["c", CLASS_IS, () => "Another class"],
  ["e", GIVEN, (one) => (one.answers.includes("add the predicted box") ? "Given is right: there is no object" : "Given is right")],
  ["m", UNCLEAR, () => "Unclear"],
];

const isOpen = (one) => one.answers.length > 0 && one.state !== "in force" && one.state !== "done";
const findOpen = (elements) => elements.find(isOpen) ?? elements[0];

function chooseNext(item, decided) {
  const at = item.elements.findIndex((one) => one.name === decided);
  state.chosen = [...item.elements.slice(at + 1), ...item.elements.slice(0, at)].find(isOpen)?.name ?? decided;
}

function move(step) {
  const elements = state.view?.item?.elements ?? [], at = elements.findIndex((one) => one.name === state.chosen);
  const next = elements[Math.min(Math.max(at + step, 0), elements.length - 1)];
  if (!next) return;
  choose(next.name);
  document.querySelector(".elements [aria-current]")?.scrollIntoView({ block: "nearest" });
}

function drawElements(item) {
  const badge = (text, kind) => text ? make("span", { class: `badge ${kind}`, text }) : null;
  const more = item.n_more_elements ? [make("p", { class: "small", text: `${item.n_more_elements.toLocaleString("en")} more are not shown.` })] : [];
  return [make("h3", { text: "Boxes and regions, flagged ones first" }), make("ol", { class: "elements" }, ...item.elements.map((one) => make("li", {},
    make("button", { type: "button", value: one.name, click: () => choose(one.name), title: one.name },
      make("span", { class: "what", text: one.shown }), badge(one.is_flagged ? one.reason || "flagged" : "", "flag"),
      badge(one.state && `${one.state}: ${one.said || "reviewers differ"}`, "done"),
      make("span", { class: "small", text: `suggested: ${one.suggested}` }), one.note ? make("span", { class: "small", text: one.note }) : null)))), ...more];
}

function choose(name) {
  const one = state.view.item.elements.find((element) => element.name === name), edges = one.place;
  state.chosen = name;
  for (const button of document.querySelectorAll(".elements button")) {
    if (button.value === name) button.setAttribute("aria-current", "true"); else button.removeAttribute("aria-current");
  }
  for (const mark of document.querySelectorAll(".place")) {
    mark.hidden = edges.length === 0;
    ["left", "top", "right", "bottom"].forEach((side, at) => { mark.style[side] = `${100 * (at < 2 ? edges[at] : 1 - edges[at])}%`; });
  }
  const answers = OF_ELEMENT.filter(([, said]) => one.answers.includes(said));
  byId("element").replaceChildren(make("h3", { text: one.shown }),
    ...(answers.length ? [] : [make("p", { class: "small", text: one.note })]),
    ...answers.map(([letter, said, tell]) => key(letter, tell(one), () => said === CLASS_IS ? askClass(one) : decide(said, "", name))));
}

function askClass(one) {
  if (byId("element-class")) return byId("element-class").focus();
  const classes = one.may_be_background ? [BACKGROUND, ...state.info.classes] : state.info.classes;
  const field = make("input", { id: "element-class", autocomplete: "off", list: "element-classes" });
  const save = () => { const typed = field.value.trim(); if (typed) decide(CLASS_IS, complete(typed, classes), one.name); else field.focus(); };
  field.addEventListener("keydown", (event) => { if (event.key === "Enter") { event.preventDefault(); save(); } });
  document.querySelector('#element [aria-keyshortcuts="c"]').after(make("div", { class: "other" },
    make("label", { for: "element-class", class: "small", text: "Its class" }), field, make("button", { type: "button", text: "Save", click: save }),
    make("datalist", { id: "element-classes" }, ...classes.map((name) => make("option", { value: name })))));
  field.focus();
}

async function describe() {
  const info = (state.info = await ask("/api/review")), { place } = state;
  byId("queue").replaceChildren(...info.queues.map((queue) => make("option", { value: queue.name, disabled: Boolean(queue.absent), selected: queue.name === place.queue,
    text: queue.absent ? `${queue.name}: ${queue.absent}` : `${queue.name} (${(queue.open ?? queue.size).toLocaleString("en")})` })));
  byId("pair").replaceChildren(...info.pairs.map((pair, number) => make("option", { value: number, text: `${pair.given} → ${pair.suggested} (${pair.n_rows.toLocaleString("en")})`,
    selected: pair.given === place.given && pair.suggested === place.suggested })));
  byId("pair-field").hidden = place.queue !== PAIR;
  byId("report").hidden = info.reports.length === 0;
  if (!reviewer()) byId("reviewer").value = sessionStorage.getItem(KEPT_NAME) || info.reviewer;
  byId("reviewer").placeholder = info.reviewer;
  byId("keys").replaceChildren(...listKeys().filter(([, said]) => said).flatMap(([name, said]) => [make("dt", {}, make("kbd", { text: name.length === 1 ? name.toUpperCase() : name })), make("dd", { text: said })]),
    make("dt", {}, make("kbd", { text: "Esc" })), make("dd", { text: "leave a field, so that keys decide again" }));
}

// ---- keys

const KEYS = [
  ["g", "the given label is right", () => press("g")],
  ["1", "the likeliest label is right, and so on with 2 and 3", () => press("1")], ["2", "", () => press("2")], ["3", "", () => press("3")],
  ["o", "another label", () => (byId("other") ?? document.querySelector(".toggles button"))?.focus()],
  ["l", "the classes chosen, where a row has several", () => press("l")],
  ["f", "the finding is right, in the queue of another issue type than the label", () => press("f")],
  ["u", "unclear", () => decide(UNCLEAR)], ["x", "exclude the row", () => decide(EXCLUDE)],
  ["n", "write a note; it is kept with the decision", () => byId("note")?.focus()],
  ["z", "take your last decision back", undo], ["s", "skip the row; it comes again at the end", skip], ["b", "back to the row before", back],
  ["/", "search", () => byId("search-text").focus()], ["?", "show or hide these keys", () => toggleHelp()],
];
const MOVES = ["j", "k", "ArrowDown", "ArrowUp"];
const ELEMENT_KEYS = [
  ["j", "the next box or region; the arrow keys do the same", () => move(1)], ["k", "the one before", () => move(-1)],
  ["ArrowDown", "", () => move(1)], ["ArrowUp", "", () => move(-1)],
  ["t", "take or add what is predicted for the chosen box or region", () => press("t")], ["d", "drop the chosen box: there is no object", () => press("d")],
  ["c", "another class of the chosen box or region", () => press("c")],
  ["e", "the chosen box or region is right as given", () => press("e")], ["m", "the chosen box or region is unclear", () => press("m")],
];
const listKeys = () => (state.info?.has_elements ? [...KEYS, ...ELEMENT_KEYS] : KEYS);
const press = (letter) => document.querySelector(`.decide [aria-keyshortcuts="${letter}"]`)?.click();

function toggleHelp() {
  const help = byId("help");
  if (help.open) help.close(); else help.showModal();
}

document.addEventListener("keydown", (event) => {
  const at = event.target;
  if (event.key === "Escape" && at.matches("input, textarea, select, .toggles button")) {
    byId("found").hidden = true;
    return byId("row")?.focus();
  }
  if (event.ctrlKey || event.metaKey || event.altKey || at.matches("input, textarea, select")) return;
  const letter = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  if (event.repeat && !MOVES.includes(letter)) return;
  if (byId("help").open && letter !== "?") return;
  const known = listKeys().find(([name]) => name === letter);
  if (known) { event.preventDefault(); known[2](); }
});

function begin() {
  const asked = new URLSearchParams(location.search), row = asked.get("row");
  for (const name of ["queue", "given", "suggested"]) if (asked.get(name) !== null) state.place[name] = asked.get(name);
  byId("help-button").addEventListener("click", toggleHelp);
  byId("error-close").addEventListener("click", () => { byId("error").hidden = true; });
  byId("search").addEventListener("submit", (event) => { event.preventDefault(); search(); });
  byId("search-text").addEventListener("input", search);
  byId("reviewer").addEventListener("change", () => sessionStorage.setItem(KEPT_NAME, reviewer()));
  const pairOf = (number) => { const { given, suggested } = state.info.pairs[number]; return { queue: PAIR, given, suggested }; };
  byId("queue").addEventListener("change", (event) => chooseQueue(event.target.value === PAIR ? pairOf(0) : { queue: event.target.value }));
  byId("pair").addEventListener("change", (event) => chooseQueue(pairOf(Number(event.target.value))));
  work(async () => {
    await describe();
    show(await ask(`/api/item?${query(row ? { row } : {})}`));
  });
}

begin();
