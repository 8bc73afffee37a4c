// What a session in a thread is doing, with the button that stops it.

import { busy } from "./actions.js";
import { h } from "./dom.js";
import { post } from "./live.js";
import { toast } from "./overlay.js";
import { workspace } from "./workspace.js";

const QUIET = new Set(["active", "closed", "idle", ""]);

/** The status in words, or null when there is nothing to tell. A word that is not Slack's own is shown as the bot wrote it. */
function words(status) {
  if (!status || QUIET.has(status)) return null;
  if (status === "processing") return `${workspace.bot.name} is thinking…`;
  if (status === "suspended") return `${workspace.bot.name} is waiting for a person`;
  return `${workspace.bot.name} ${status}`;
}

/** A line for a session's status, or null; with a Stop button where `canStop`. */
export function sessionStatus(channelId, threadTs, status, { canStop = false } = {}) {
  const text = words(status);
  if (!text) return null;
  const kind = status === "suspended" ? "suspended" : "processing";
  const stop = h("button", { type: "button", class: "button button-small", data: { testid: "stop" }, onclick: press }, h("span", { class: "button-text" }, "Stop"));
  async function press() {
    const answer = await busy(stop, () => post("stop", { as: workspace.state.me, channel: channelId, thread_ts: threadTs }));
    if (!answer.ok) toast(answer.error ?? "The session could not be stopped. Try again.");
  }
  return h(
    "div",
    { class: `status status-${kind}`, role: "status", data: { testid: "status", status } },
    h("span", { class: "status-sign", "aria-hidden": "true" }),
    h("span", { class: "status-text" }, text),
    canStop ? stop : null,
  );
}
