// Where a message is written: Enter sends, Shift+Enter begins a new line, "@" finds people and the bot.

import { busy } from "./actions.js";
import { h, icon, reconcile } from "./dom.js";
import { post } from "./live.js";
import { avatar } from "./message.js";
import { toast } from "./overlay.js";
import { nameOf, workspace } from "./workspace.js";

const drafts = new Map(); // "UID/CHANNEL/THREAD" -> what was typed and not sent

/** A composer for a place {channel, thread}; onsent(ts, {toBot}) when the workspace has the message. */
export function composer({ channel, thread = null, label, testid, onsent = () => {} }) {
  const draft = [workspace.state.me, channel, thread].join("/");
  let files = [];
  const input = h("textarea", {
    rows: 1, placeholder: label, "aria-label": label, data: { testid }, role: "combobox",
    "aria-expanded": "false", "aria-autocomplete": "list", "aria-controls": `${testid}-people`,
    oninput: typed, onkeydown: key, onblur: () => people.close(), onclick: () => people.look(),
  });
  const people = peopleList(input, `${testid}-people`);
  const picked = h("div", { class: "picked" });
  const chooser = h("input", { type: "file", multiple: true, hidden: true, data: { testid: `${testid}-files` }, onchange: pickFiles });
  const sender = h("button", { type: "button", class: "send", "aria-label": "Send", data: { testid: `${testid}-send` }, onclick: send }, icon("send"));
  const node = h(
    "div",
    { class: "composer" },
    people.node,
    h("div", { class: "composer-box" }, input, picked,
      h("div", { class: "composer-bar" },
        h("button", { type: "button", class: "icon-button", title: "Add a file", "aria-label": "Add a file", onclick: () => chooser.click() }, icon("clip")),
        h("button", { type: "button", class: "icon-button at", title: "Mention somebody", "aria-label": "Mention somebody", onclick: at }, "@"),
        chooser,
        h("span", { class: "composer-hint" }, h("b", {}, "Enter"), " to send · ", h("b", {}, "Shift+Enter"), " for a new line"),
        sender,
      ),
    ),
  );
  input.value = drafts.get(draft) ?? "";
  queueMicrotask(typed);

  function typed() {
    drafts.set(draft, input.value);
    input.style.height = "auto";
    input.style.height = `${Math.min(input.scrollHeight, 200)}px`;
    sender.disabled = !input.value.trim() && !files.length;
    people.look();
  }

  function key(event) {
    if (people.key(event)) return;
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    send();
  }

  function at() {
    input.focus();
    input.setRangeText(/(^|\s)$/.test(input.value.slice(0, input.selectionStart)) ? "@" : " @", input.selectionStart, input.selectionEnd, "end");
    typed();
  }

  async function pickFiles() {
    const chosen = [...chooser.files];
    chooser.value = "";
    files = [...files, ...(await Promise.all(chosen.map(upload)))];
    picked.replaceChildren(...files.map(({ name }) => h("span", { class: "file" }, icon("file"), name)));
    typed();
  }

  async function send() {
    const text = input.value.trim();
    if ((!text && !files.length) || sender.getAttribute("aria-busy")) return;
    const body = { as: workspace.state.me, channel, text, ...(thread ? { thread_ts: thread } : {}), ...(files.length ? { files } : {}) };
    const answer = await busy(sender, () => post("say", body));
    if (!answer.ok) {
      toast(answer.error ?? "The message could not be sent. Try again.");
      return;
    }
    input.value = "";
    files = [];
    picked.replaceChildren();
    typed();
    onsent(answer.ts, { toBot: mentionsBot(text) });
  }

  return node;
}

/** A chosen file as the workspace takes it: its name, and its content in base64. */
function upload(file) {
  return new Promise((done, failed) => {
    const reader = new FileReader();
    reader.onload = () => done({ name: file.name, content: reader.result.slice(reader.result.indexOf(",") + 1) });
    reader.onerror = () => failed(reader.error);
    reader.readAsDataURL(file);
  });
}

/** Does what was typed mention the bot? The server makes mentions of names by the same rule. */
function mentionsBot(text) {
  const name = workspace.bot.name.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
  return new RegExp(`(?<![\\p{L}\\p{N}_])@${name}(?![\\p{L}\\p{N}_])`, "iu").test(text);
}

function mentionable() {
  const { bot, people } = workspace.state;
  return [bot, ...people].map((one) => ({ id: one.id, names: [...new Set([one.real_name, one.name].filter(Boolean))] }));
}

/** The list that opens after "@": arrows choose, Enter or Tab takes, Escape leaves. */
function peopleList(input, id) {
  let found = [];
  let chosen = 0;
  const node = h("ul", { class: "people-list", role: "listbox", id, "aria-label": "People", hidden: true });

  function word() {
    const match = /(^|[\s(])@([\p{L}\p{N}._-]*)$/u.exec(input.value.slice(0, input.selectionStart));
    return match ? match[2] : null;
  }

  function look() {
    const begun = document.activeElement === input ? word() : null;
    const fits = (name) => name.toLowerCase().split(" ").some((part) => part.startsWith(begun.toLowerCase()));
    found = begun === null ? [] : mentionable().filter((one) => one.names.some(fits)).slice(0, 8);
    chosen = Math.min(chosen, Math.max(0, found.length - 1));
    draw();
  }

  function draw() {
    node.hidden = !found.length;
    input.setAttribute("aria-expanded", String(Boolean(found.length)));
    reconcile(node, found.map((one, place) => ({ key: one.id, mark: `${place} ${place === chosen}`, make: () => option(one, place) })));
    if (found.length) input.setAttribute("aria-activedescendant", `${id}-${chosen}`);
    else input.removeAttribute("aria-activedescendant");
  }

  function option(one, place) {
    const take_ = (event) => {
      event.preventDefault(); // the text keeps the focus
      take(one);
    };
    const badge = one.id === workspace.bot.id ? h("span", { class: "badge" }, "App") : null;
    return h("li", { role: "option", id: `${id}-${place}`, "aria-selected": String(place === chosen), onpointerdown: take_ }, avatar(one.id, "avatar-small"), h("span", {}, nameOf(one.id)), badge);
  }

  function take(one) {
    const from = input.selectionStart - word().length;
    input.setRangeText(`${nameOf(one.id)} `, from, input.selectionStart, "end");
    input.dispatchEvent(new Event("input"));
    close();
  }

  function close() {
    found = [];
    chosen = 0;
    draw();
  }

  function key(event) {
    if (!found.length) return false;
    const steps = { ArrowDown: 1, ArrowUp: -1 };
    if (event.key in steps) {
      chosen = (chosen + steps[event.key] + found.length) % found.length;
      draw();
    } else if (event.key === "Enter" || event.key === "Tab") take(found[chosen]);
    else if (event.key === "Escape") close();
    else return false;
    event.preventDefault();
    return true;
  }

  return { node, look, key, close };
}
