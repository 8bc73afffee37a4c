// The open modal of the acting person. It follows the state's view, and keeps what was typed when the view changes.

import { busy } from "./actions.js";
import { renderBlocks } from "./blocks.js";
import { h, icon } from "./dom.js";
import { problem } from "./fields.js";
import { post } from "./live.js";
import { textOf } from "./mrkdwn.js";
import { layer, toast } from "./overlay.js";
import { workspace } from "./workspace.js";

const typed = new Map(); // view id -> what was filled in when it left the screen (another view on top, another person)
let open = null; // {id, mark, fields, dialog, submit, trouble, takeAway, sent}

/** Shows the view of the state, or takes the modal away when there is none. */
export function followView(view) {
  if (open?.sent) settle();
  if (!view) return leave();
  const { state: _, ...look } = view;
  const mark = JSON.stringify(look);
  if (open?.id === view.id && open.mark === mark) return;
  leave();
  show(view, mark, typed.get(view.id) ?? {});
}

function show(view, mark, kept) {
  const surface = { place: { view_id: view.id }, fields: [], kept };
  const submit = view.submit ? h("button", { type: "submit", class: "button primary", data: { testid: "modal-submit" } }, h("span", { class: "button-text" }, textOf(view.submit))) : null;
  const trouble = h("div", { class: "trouble", role: "alert", hidden: true, data: { testid: "modal-trouble" } });
  const dialog = h(
    "form",
    { class: "dialog", role: "dialog", "aria-modal": "true", "aria-labelledby": "modal-title", novalidate: true, tabindex: -1, data: { testid: "modal", viewId: view.id }, onsubmit: send, onkeydown: sendByKey },
    h(
      "header",
      { class: "dialog-head" },
      h("span", { class: "avatar avatar-bot avatar-small" }, icon("check")),
      h("h2", { id: "modal-title" }, textOf(view.title)),
      h("button", { type: "button", class: "icon-button", "aria-label": "Close", data: { testid: "modal-close" }, onclick: close }, icon("close")),
    ),
    h("div", { class: "dialog-body" }, renderBlocks(view.blocks, surface)),
    trouble,
    h(
      "footer",
      { class: "dialog-foot" },
      h("button", { type: "button", class: "button", data: { testid: "modal-cancel" }, onclick: close }, textOf(view.close) || (submit ? "Cancel" : "Close")),
      submit,
    ),
  );
  const first = surface.fields[0]?.node;
  if (first) (first.classList.contains("choices") ? (first.querySelector("input") ?? first) : first).dataset.focusFirst = "";
  open = { id: view.id, mark, fields: surface.fields, dialog, submit, trouble, sent: null };
  open.takeAway = layer(dialog, close);
}

function leave() {
  if (!open) return;
  typed.set(open.id, values());
  open.takeAway();
  open = null;
}

/** What is filled in: {block_id: {action_id: value}}. */
function values() {
  const filled = {};
  for (const { blockId, element, read } of open.fields) (filled[blockId] ??= {})[element.action_id] = read();
  return filled;
}

function sendByKey(event) {
  if (event.key === "Enter" && (event.metaKey || event.ctrlKey)) open.dialog.requestSubmit();
}

async function send(event) {
  event.preventDefault();
  if (!open.submit || open.submit.disabled) return;
  const errors = {};
  for (const { blockId, element, read, optional, error } of open.fields) {
    const found = error && problem(element, read(), optional);
    if (found) errors[blockId] = found;
  }
  if (showErrors(errors)) return;
  const sent = open;
  showTrouble();
  await busy(sent.submit, async () => {
    const answer = await post("submit", { as: workspace.state.me, view_id: sent.id, values: values() });
    if (sent !== open) return;
    if (!answer.ok && !showErrors(answer.errors)) showTrouble(answer.error ?? "We had some trouble connecting. Try again?");
    // Sent well: the button turns until the state says what became of the view, so a second click sends nothing.
    if (answer.ok) await new Promise((done) => (sent.sent = done));
  });
}

function settle() {
  open.sent();
  open.sent = null;
}

/** What went wrong with the whole view stands above the buttons. */
function showTrouble(text = "") {
  open.trouble.textContent = text;
  open.trouble.hidden = !text;
}

/** Errors beside their fields; true when there were any. The first one gets the focus. */
function showErrors(errors = {}) {
  const unplaced = new Map(Object.entries(errors ?? {}));
  for (const { blockId, node, error } of open.fields) {
    if (!error) continue;
    const text = errors?.[blockId];
    error.hidden = !text;
    error.textContent = text ?? "";
    if (text) node.setAttribute("aria-invalid", "true");
    else node.removeAttribute("aria-invalid");
    if (text) unplaced.delete(blockId);
  }
  if (unplaced.size) showTrouble([...unplaced.values()].join(" "));
  open.dialog.querySelector("[aria-invalid]")?.focus();
  return Object.keys(errors ?? {}).length > 0;
}

async function close() {
  const closing = open;
  const answer = await post("close", { as: workspace.state.me, view_id: closing.id });
  if (!answer.ok) toast(answer.error ?? "The window could not be closed. Try again.");
}
