// One message: who, when, what, and what hangs on it (replies, status, files).

import { renderBlocks } from "./blocks.js";
import { clock, momentOf, wholeDate } from "./dates.js";
import { h, icon } from "./dom.js";
import { sign } from "./emoji.js";
import { mrkdwn } from "./mrkdwn.js";
import { sessionStatus } from "./status.js";
import { dismiss, go, member, nameOf, workspace } from "./workspace.js";

/** The square with a person's initials, or the bot's sign. */
export function avatar(userId, size = "") {
  const found = member(userId);
  if (!found || found.bot) return h("span", { class: `avatar ${found ? "avatar-bot" : ""} ${size}`, "aria-hidden": "true" }, found ? icon("check") : "?");
  const node = h("span", { class: `avatar ${size}`, "aria-hidden": "true" }, found.initials ?? nameOf(userId).slice(0, 1));
  if (/^#[0-9a-f]{6}$/i.test(found.color ?? "")) node.style.backgroundColor = found.color;
  return node;
}

/**
 * A message as a list item. `compact` leaves the head out (the same person goes on); `inThread` leaves out the way into the thread;
 * `replied` are the replies of a message in a channel, `lastReply` how long ago the last one came, `status` its session's status.
 */
export function messageNode(message, { channelId, compact, inThread, ephemeral, replied = [], lastReply = null, status = null }) {
  const surface = { growing: Boolean(message.streaming), place: { channel: channelId, ts: message.ts, ...(ephemeral ? { ephemeral: true } : {}) } };
  const classes = ["message", compact && "message-compact", ephemeral && "message-ephemeral"].filter(Boolean).join(" ");
  const when = momentOf(message.ts);
  const time = h("time", { class: "time", datetime: when.toISOString(), title: wholeDate(when) }, clock(when));
  const shortTime = h("span", { class: "time", "aria-hidden": "true" }, clock(when).replace(/ [AP]M$/, ""));
  const head = h(
    "div",
    { class: "message-head" },
    h("span", { class: "author" }, nameOf(message.user)),
    member(message.user)?.bot ? h("span", { class: "badge" }, "App") : null,
    time,
  );
  return h(
    "li",
    { class: classes, "aria-label": `${nameOf(message.user)}, ${clock(when)}`, data: { ts: message.ts, ...(ephemeral ? { testid: "ephemeral" } : {}) } },
    ephemeral ? onlyYou(message) : null,
    h("div", { class: "gutter" }, compact ? shortTime : avatar(message.user)),
    h(
      "div",
      { class: "message-main" },
      compact ? null : head,
      content(message, surface),
      inThread || ephemeral ? null : replyBar(message, channelId, replied, lastReply),
      inThread || ephemeral ? null : sessionStatus(channelId, message.ts, status),
    ),
    inThread || ephemeral ? null : tools(message, channelId),
  );
}

function content(message, surface) {
  const blocks = message.blocks ?? [];
  const edited = message.edited ? h("span", { class: "edited" }, "(edited)") : null;
  const files = (message.files ?? []).map((file) => h("div", { class: "file" }, icon("file"), h("span", {}, file.name ?? file)));
  const text = blocks.length
    ? [renderBlocks(blocks, surface), edited]
    : message.text
      ? h("div", { class: "text" }, mrkdwn(message.text), edited ? [" ", edited] : null)
      : null;
  const reactions = (message.reactions ?? []).map((name) => h("span", { class: "reaction", title: `:${name}:` }, sign(name) ?? `:${name}:`));
  const streaming = message.streaming ? h("span", { class: "streaming", role: "status", "aria-label": "Still writing" }) : null;
  return h("div", { class: "content" }, text, streaming, files, reactions.length ? h("div", { class: "reactions" }, reactions) : null);
}

function onlyYou(message) {
  const away = () => {
    dismiss(message.ts);
    window.dispatchEvent(new Event("redraw"));
  };
  return h(
    "div",
    { class: "only-you" },
    icon("eye"),
    "Only visible to you",
    h("button", { type: "button", class: "link", onclick: away }, "Dismiss"),
  );
}

function replyBar(message, channelId, replied, lastReply) {
  const count = message.reply_count || replied.length;
  if (!count) return null;
  const authors = [...new Set(replied.map((one) => one.user))].slice(0, 4);
  return h(
    "button",
    { type: "button", class: "reply-bar", data: { testid: "replies" }, onclick: () => go({ channel: channelId, thread: message.ts }) },
    h("span", { class: "faces" }, authors.map((author) => avatar(author, "avatar-small"))),
    h("span", { class: "reply-count" }, count === 1 ? "1 reply" : `${count} replies`),
    lastReply ? h("span", { class: "reply-last" }, `Last reply ${lastReply}`) : null,
  );
}

function tools(message, channelId) {
  return h(
    "div",
    { class: "tools" },
    h(
      "button",
      { type: "button", class: "icon-button", title: "Reply in thread", "aria-label": "Reply in thread", data: { testid: "reply-in-thread" }, onclick: () => go({ channel: channelId, thread: message.ts }) },
      icon("reply"),
    ),
  );
}

/** What of the workspace a message's look depends on, besides the message: names in mentions and the acting person. */
export function lookOfNames() {
  const { people, bot, me } = workspace.state;
  return [people.map((one) => [one.id, one.real_name]), bot.name, me];
}
