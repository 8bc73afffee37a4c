// The bot behind the workspace, where somebody runs one: the button that kills it, what it logs, and its audit log.

import { h, icon, reconcile } from "./dom.js";
import { post } from "./live.js";
import { layer, toast } from "./overlay.js";
import { workspace } from "./workspace.js";

const AGAIN_MS = 1000;

/** What stands beside "connected": entries for reconcile, none where nobody runs the bot here. */
export function backstageButtons() {
  const { backstage, bot } = workspace.state;
  if (!backstage) return [];
  return [
    { key: "kill", mark: String(bot.connected), make: (old) => keepFocus(old, killButton(bot.connected)) },
    { key: "log", mark: "", make: () => button("open-log", "Log", openLog) },
    { key: "audit", mark: "", make: () => button("open-audit", "Audit", openAudit) },
  ];
}

/** Which process was killed last, and which one carries on; null where none was. */
export function killedWords() {
  const { process } = workspace.state.backstage;
  if (!process.kills) return null;
  const gone = `Process ${process.killed_pid} was killed (kill -9).`;
  return workspace.bot.connected && process.pid !== process.killed_pid ? `${gone} Process ${process.pid} carries on.` : `${gone} Another one starts.`;
}

function button(testid, words, onclick) {
  return h("button", { type: "button", class: "button", data: { testid }, onclick }, words);
}

function killButton(connected) {
  const kill = async () => {
    if (!connected) return;
    const answer = await post("kill", {});
    if (!answer.ok) toast(answer.error ?? "The bot could not be killed.");
  };
  const title = "Ends its process with kill -9. Another one starts by itself.";
  // Not `disabled`: the focus would be lost while the bot is away.
  return h("button", { type: "button", class: "button kill", title, "aria-disabled": String(!connected), data: { testid: "kill" }, onclick: kill }, connected ? "Kill the bot" : "Starting…");
}

function keepFocus(old, node) {
  if (old?.contains(document.activeElement)) queueMicrotask(() => node.focus());
  return node;
}

/** The end of what the bot has logged, read again as long as it is open. */
export function openLog() {
  const log = h("pre", { class: "log", data: { testid: "log" } }, "…");
  const body = h("div", { class: "dialog-body", tabindex: 0, role: "region", "aria-label": "What the bot has logged" }, log);
  dialog("The bot's log", body, async () => {
    const told = await read("log");
    if (!told) return;
    const atEnd = body.scrollHeight - body.scrollTop - body.clientHeight < 40 || log.textContent === "…";
    log.textContent = told.lines.join("\n") || "It has said nothing yet.";
    if (atEnd) body.scrollTop = body.scrollHeight;
  });
}

/** The audit log: is its chain whole, and every entry with its hash. */
export function openAudit() {
  const body = h("div", { class: "dialog-body", tabindex: 0, role: "region", "aria-label": "Audit log", data: { testid: "audit" } }, h("p", {}, "…"));
  dialog("The audit log", body, async () => {
    const told = await read("audit");
    if (told) reconcile(body, [{ key: "told", mark: JSON.stringify(told), make: () => auditNode(told) }]);
  });
}

function auditNode({ command, count, wrong, entries }) {
  const whole = `The chain is whole: ${count === 1 ? "1 entry" : `${count} entries`}, each with the hash of the one before it.`;
  const verdict = wrong.length ? h("p", { class: "verdict verdict-wrong" }, wrong.join(" ")) : h("p", { class: "verdict" }, count ? whole : "There is no entry yet.");
  const heads = ["Entry", "When (UTC)", "What", "Who", "Tool", "Hash"];
  const row = (one) =>
    [one.seq, one.at.slice(0, 19).replace("T", " "), one.kind, one.actor ? who(one.actor) : "", one.tool ?? "", one.hash.slice(0, 16)].map((text) => h("td", {}, String(text)));
  const table = h("div", { class: "table audit", tabindex: 0, role: "region", "aria-label": "Entries, the newest first" }, h("table", {}, h("thead", {}, h("tr", {}, heads.map((text) => h("th", { scope: "col" }, text)))), h("tbody", {}, entries.map((one) => h("tr", {}, row(one))))));
  return h("div", {}, verdict, h("p", {}, "The same on the command line: ", h("code", {}, command)), entries.length ? table : null);
}

function who(id) {
  return workspace.state.people.find((one) => one.id === id)?.real_name ?? id;
}

async function read(what) {
  try {
    const answer = await fetch(`/sandbox/${what}`);
    return answer.ok ? await answer.json() : null;
  } catch {
    return null; // the page says itself that the sandbox is away
  }
}

function dialog(title, body, refresh) {
  const end = () => {
    clearInterval(timer);
    close();
  };
  const node = h(
    "div",
    { class: "dialog dialog-wide", role: "dialog", "aria-modal": "true", "aria-label": title, data: { testid: "backstage" } },
    h("header", { class: "dialog-head" }, h("h2", {}, title), h("button", { type: "button", class: "icon-button", "aria-label": "Close", data: { focusFirst: "", testid: "backstage-close" }, onclick: end }, icon("close"))),
    body,
  );
  const close = layer(node, end);
  const timer = setInterval(refresh, AGAIN_MS);
  refresh();
}
