// What lies over the workspace: toasts, layers for modals, and the question before a dangerous click.

import { h, icon } from "./dom.js";
import { textObject, textOf } from "./mrkdwn.js";

const TOAST_MS = 8000;

/** Tells the acting person that something did not work. */
export function toast(text) {
  const close = h("button", { type: "button", class: "icon-button", "aria-label": "Put away", onclick: () => node.remove() }, icon("close"));
  const node = h("div", { class: "toast", data: { testid: "toast" } }, icon("warn"), h("span", {}, text), close);
  document.getElementById("toasts").append(node);
  setTimeout(() => node.remove(), TOAST_MS);
}

/**
 * Puts a dialog over the workspace: the page below is inert, Escape calls onescape, the focus goes in and comes back at the end.
 * The top bar stays in use, so that another person can be acted as. Gives a function that takes the dialog away.
 */
export function layer(dialog, onescape) {
  // A button that waits for the bot's ack is disabled and has lost the focus: the dialog that it opens gives it back.
  const before = document.activeElement === document.body ? document.querySelector("[aria-busy]") : document.activeElement;
  const below = [document.getElementById("workspace"), ...document.getElementById("layers").children];
  const wasInert = below.map((node) => node.inert);
  const veil = h("div", { class: "veil" }, dialog);
  below.forEach((node) => (node.inert = true));
  veil.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    event.stopPropagation();
    onescape();
  });
  document.getElementById("layers").append(veil);
  (dialog.querySelector("[data-focus-first]") ?? dialog.querySelector(FIELDS) ?? dialog).focus();
  return () => {
    veil.remove();
    below.forEach((node, place) => (node.inert = wasInert[place]));
    if (before?.isConnected) before.focus();
  };
}

const FIELDS = "input:not([disabled]), textarea, select, button:not([disabled])";

/** Asks a Block Kit confirm object; true when the person goes on. Without one there is nothing to ask. */
export function confirmed(confirm) {
  if (!confirm) return Promise.resolve(true);
  return new Promise((answer) => {
    const end = (yes) => () => {
      close();
      answer(yes);
    };
    const style = confirm.style === "danger" ? "danger" : "primary";
    const dialog = h(
      "div",
      { class: "dialog dialog-small", role: "alertdialog", "aria-modal": "true", "aria-labelledby": "confirm-title", "aria-describedby": "confirm-text", data: { testid: "confirm" } },
      h("header", { class: "dialog-head" }, h("h2", { id: "confirm-title" }, textOf(confirm.title ?? "Are you sure?"))),
      h("div", { class: "dialog-body text", id: "confirm-text" }, textObject(confirm.text)),
      h(
        "footer",
        { class: "dialog-foot" },
        h("button", { type: "button", class: "button", data: { testid: "confirm-deny", focusFirst: "" }, onclick: end(false) }, textOf(confirm.deny ?? "Cancel")),
        h("button", { type: "button", class: `button ${style}`, data: { testid: "confirm-yes" }, onclick: end(true) }, textOf(confirm.confirm ?? "Yes")),
      ),
    );
    const close = layer(dialog, end(false));
  });
}
