// The middle pane (a channel, or the app's Home) and the thread pane on the right.

import { busy } from "./actions.js";
import { renderBlocks } from "./blocks.js";
import { composer } from "./composer.js";
import { h, icon, reconcile } from "./dom.js";
import { post } from "./live.js";
import { avatar, lookOfNames } from "./message.js";
import { toast } from "./overlay.js";
import { sessionStatus } from "./status.js";
import { follow, timeline } from "./timeline.js";
import { hint, tour } from "./tour.js";
import { channel, ephemeralsIn, go, isAppChannel, replies, rootMessages, rootOf, statusOf, workspace } from "./workspace.js";

/** Draws the middle pane for a place. */
export function drawPane(node, place) {
  const one = channel(place.channel);
  if (place.channel === "home") return drawHome(node);
  if (!one) return drawNothing(node, place);
  const key = `${workspace.state.me}/${one.id}`;
  const named = shownName(one);
  reconcile(node, [
    isAppChannel(one) ? appHead("messages") : head(one),
    { key: `list ${key}`, mark: "", make: () => timeline(`Messages in ${named}`, "messages") },
    one.is_member === false
      ? outsider(named)
      : { key: `composer ${key}`, mark: named, make: () => composer({ channel: one.id, label: `Message ${named}`, testid: "composer", onsent: openAnswer(one) }) },
    tour(place),
  ].filter(Boolean));
  const toBegin = isAppChannel(one) ? "Ask it something: the answer comes in a thread." : `Mention @${workspace.bot.name} to ask it something.`;
  const where = named.startsWith("#") ? `This is where ${named} begins.` : `This is the conversation with ${named}.`;
  const prompts = isAppChannel(one) && !rootMessages(one.id).length ? suggested(one) : null;
  const words = () => [h("h2", {}, named), h("p", {}, `${where} ${toBegin}`), prompts?.()];
  const beginning = { mark: `${named} ${Boolean(prompts)}`, make: () => h("li", { class: "beginning" }, words()) };
  follow(node.children[1], { channelId: one.id, messages: rootMessages(one.id), ephemerals: ephemeralsIn(one.id, null), beginning });
}

/** What the app's manifest suggests to begin with, as Slack shows it in a conversation with an agent that is still empty. */
function suggested(one) {
  const say = ({ message }) => async (event) => {
    const answer = await busy(event.currentTarget, () => post("say", { as: workspace.state.me, channel: one.id, text: message }));
    if (answer.ok) go({ channel: one.id, thread: answer.ts });
    else toast(answer.error ?? "The message could not be sent. Try again.");
  };
  const button = (prompt) => h("button", { type: "button", class: "button", title: prompt.message, onclick: say(prompt) }, h("span", { class: "button-text" }, prompt.title));
  return () => h("div", { class: "prompts", role: "group", "aria-label": "Suggested prompts" }, workspace.state.prompts.map(button));
}

/** The name with its sign, as it stands in sentences. */
function shownName(one) {
  return ["im", "mpim"].includes(one.kind) ? one.name : `#${one.name}`;
}

/** Where somebody reads who is no member: a public channel can be seen, and written in only from inside. */
function outsider(named) {
  const text = `${workspace.me.real_name ?? workspace.me.name} is not a member of ${named}, and can only read here.`;
  return { key: "outsider", mark: text, make: () => h("p", { class: "outsider" }, text) };
}

/** After words to the bot its answer comes in a thread: that thread opens. */
function openAnswer(one) {
  return (ts, { toBot }) => {
    if (toBot || isAppChannel(one)) go({ channel: one.id, thread: ts });
  };
}

function head(one) {
  const sign = { channel: "hash", private: "lock", mpim: "people" }[one.kind];
  return {
    key: "head",
    mark: one.id + one.name,
    make: () => h("header", { class: "pane-head" }, h("h1", {}, sign ? icon(sign) : avatar(one.user, "avatar-small"), h("span", {}, one.name))),
  };
}

/** The app's head with its two tabs; `chosen` is "home" or "messages". */
function appHead(chosen) {
  const tab = (name, words, place) =>
    h("button", { type: "button", role: "tab", "aria-selected": String(name === chosen), data: { testid: `tab-${name}` }, onclick: () => go({ channel: place, thread: null }) }, words);
  return {
    key: "head",
    mark: `app ${chosen} ${workspace.bot.name} ${workspace.appChannel?.id}`,
    make: () =>
      h(
        "header",
        { class: "pane-head pane-head-app" },
        h("h1", {}, avatar(workspace.bot.id, "avatar-small"), h("span", {}, workspace.bot.name), h("span", { class: "badge" }, "App")),
        h("div", { class: "tabs", role: "tablist" }, tab("home", "Home", "home"), tab("messages", "Messages", workspace.appChannel?.id)),
      ),
  };
}

function drawHome(node) {
  const view = workspace.state.home;
  const { state: _, ...look } = view ?? {};
  const make = (old) => {
    const surface = { place: { view_id: view?.id }, fields: [], kept: old?.kept?.() };
    const empty = h("p", { class: "empty" }, `${workspace.bot.name} has not published a Home tab yet.`);
    const body = h("div", { class: "home" }, view ? renderBlocks(view.blocks, surface) : empty);
    const kept = () => {
      const filled = {};
      for (const { blockId, element, read } of surface.fields) (filled[blockId] ??= {})[element.action_id] = read();
      return filled;
    };
    return Object.assign(h("div", { class: "scroll", tabindex: 0, role: "tabpanel", "aria-label": "Home", data: { testid: "home" } }, body), { kept });
  };
  reconcile(node, [appHead("home"), { key: "home", mark: JSON.stringify([look, lookOfNames()]), make }]);
}

function drawNothing(node, place) {
  const text = place.channel ? `${workspace.me.real_name ?? workspace.me.name} is not in this conversation: choose another one, or act as somebody who is.` : "Choose a conversation.";
  reconcile(node, [{ key: "nothing", mark: text, make: () => h("p", { class: "empty" }, text) }]);
}

/** Draws the thread pane, or hides it when the place has no thread. */
export function drawThread(node, place) {
  const one = channel(place.channel);
  node.hidden = !one || !place.thread;
  if (node.hidden) return node.replaceChildren();
  const key = `${workspace.state.me}/${one.id}/${place.thread}`;
  const status = statusOf(one.id, place.thread);
  const named = shownName(one);
  reconcile(node, [
    { key: "head", mark: key + named, make: () => threadHead(named) },
    { key: `list ${key}`, mark: "", make: () => timeline("Thread", "thread") },
    { key: "status", mark: JSON.stringify([key, status]), make: () => h("div", { class: "status-line" }, sessionStatus(one.id, place.thread, status, { canStop: true })) },
    hint(one.id, place.thread),
    one.is_member === false
      ? outsider(named)
      : { key: `composer ${key}`, mark: "", make: () => composer({ channel: one.id, thread: place.thread, label: "Reply…", testid: "thread-composer" }) },
  ].filter(Boolean));
  const first = rootOf(one.id, place.thread);
  const list = node.children[1];
  follow(list, { channelId: one.id, first, messages: replies(one.id, place.thread), ephemerals: ephemeralsIn(one.id, place.thread) });
}

function threadHead(named) {
  return h(
    "header",
    { class: "pane-head" },
    h("h1", {}, "Thread", h("span", { class: "where" }, named)),
    h("button", { type: "button", class: "icon-button", "aria-label": "Close the thread", data: { testid: "thread-close" }, onclick: () => go({ thread: null }) }, icon("close")),
  );
}
