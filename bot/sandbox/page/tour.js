// Things to try in the demo, and what to do next in each. Where one is follows from what is in the thread, not from clicks here.

import { busy } from "./actions.js";
import { killedWords, openAudit } from "./backstage.js";
import { h } from "./dom.js";
import { post } from "./live.js";
import { toast } from "./overlay.js";
import { go, nameOf, replies, rootOf, statusOf, workspace } from "./workspace.js";

const MEANWHILE = "What is the status of ORD-1042?";
const DECIDES = new Set(["approve", "approve_all", "review"]); // the action ids of what a card can be decided by

/** The things to try, below a channel's composer: an entry for reconcile, or null where there is no demo. */
export function tour(place) {
  const { backstage } = workspace.state;
  if (!backstage) return null;
  const words = killedWords();
  const open = stepOf(place.channel, place.thread)?.key ?? null;
  return { key: "tour", mark: JSON.stringify([backstage.tour, words, open]), make: () => tourNode(backstage.tour.steps, open, words) };
}

function tourNode(steps, open, words) {
  const chip = (step) =>
    h("button", { type: "button", class: step.key === open ? "button tour-step-open" : "button", title: step.says, data: { testid: `try-${step.key}` }, onclick: take(step) }, h("span", { class: "button-text" }, step.title));
  return h(
    "section",
    { class: "tour", "aria-label": "Things to try", data: { testid: "tour" } },
    h("h2", { class: "tour-title" }, "Try it: one click asks for you"),
    h("div", { class: "tour-steps" }, steps.map(chip)),
    words ? h("p", { class: "told", role: "status", data: { testid: "killed" } }, words) : null,
  );
}

function take(step) {
  return (event) => say(event.currentTarget, { as: step.as, channel: step.channel, text: step.says }, (ts) => go({ as: step.as, channel: step.channel, thread: ts }));
}

async function say(control, body, then) {
  const answer = await busy(control, () => post("say", body));
  if (!answer.ok) toast(answer.error ?? "The message could not be sent. Try again.");
  else then?.(answer.ts);
}

/** What to do next in a thread of the tour: an entry for reconcile, or null. */
export function hint(channelId, threadTs) {
  const step = stepOf(channelId, threadTs);
  const next = step && nextIn(step, channelId, threadTs);
  if (!next) return null;
  const { words, actions = [] } = next;
  const make = () => h("div", { class: "hint-line", role: "status", data: { testid: "hint" } }, h("p", {}, words), actions.map(([label, press]) => h("button", { type: "button", class: "button", onclick: press }, h("span", { class: "button-text" }, label))));
  return { key: "hint", mark: JSON.stringify([threadTs, words, actions.map(([label]) => label)]), make };
}

function stepOf(channelId, threadTs) {
  const root = threadTs && rootOf(channelId, threadTs);
  return root ? workspace.state.backstage?.tour.steps.find((step) => step.channel === channelId && step.posted === root.text) : null;
}

function nextIn(step, channelId, threadTs) {
  const after = replies(channelId, threadTs);
  const card = after.findLast((message) => message.user === workspace.bot.id && decidable(message.blocks));
  if (!workspace.bot.connected) return { words: `${workspace.bot.name} is dead. Another process starts by itself and carries on where this one was. Clicks count again once it is connected.` };
  if (card) return WAITING[step.key](step, card, after, (text) => (event) => say(event.currentTarget, { as: workspace.state.me, channel: channelId, thread_ts: threadTs, text }));
  const still = ["processing", "suspended"].includes(statusOf(channelId, threadTs));
  return still || !after.some((message) => message.user === workspace.bot.id) ? null : { words: DONE[step.key], actions: [["Open the audit log", openAudit]] };
}

const WAITING = {
  card: () => ({ words: "Nothing has run. Read the card, then decide with its buttons. Or kill the bot first, at the top: the card stays, and your click counts once." }),
  two: (step, card) => {
    const left = step.others.filter((id) => !pressed(card).includes(id));
    if (left.includes(workspace.state.me)) return { words: `You are ${nameOf(workspace.state.me)} now: read the card, and approve it.` };
    if (!left.length) return { words: "Both have decided." };
    const asked = pressed(card).some((id) => step.others.includes(id)) ? "One has approved; it takes two." : `${nameOf(step.as)} asked for it, so two others decide.`;
    return { words: `${asked} Now act as ${nameOf(left[0])}.`, actions: [actAs(left[0])] };
  },
  meanwhile: (step, card, after, reply) => {
    const asked = after.some((message) => message.user !== workspace.bot.id);
    if (!asked) return { words: "The card waits for a person. Ask something else meanwhile:", actions: [[MEANWHILE, reply(MEANWHILE)]] };
    return { words: "The card was left standing, and your question waits behind it. Decide the card, or withdraw it: then the question is answered." };
  },
  page: (step) => {
    const other = step.others[0];
    if (workspace.state.me === other) return { words: `You are ${nameOf(other)} now: the card says what was read before it. Reject it.` };
    return { words: `The page told the model to order, and this model obeys. Nothing has run, and ${nameOf(step.as)}, who asked, cannot decide. Now act as ${nameOf(other)}.`, actions: [actAs(other)] };
  },
};

const DONE = {
  card: "That was one card. Who asked, saw, decided and ran what stands in the audit log.",
  two: "Two people decided, and the order was placed once.",
  meanwhile: "The card was decided, and the question was answered after it.",
  page: "What a page says runs nothing here: a person decides.",
};

function actAs(id) {
  return [`Act as ${nameOf(id)}`, () => go({ as: id })];
}

/** Who has pressed a button of a message. It is no part of the message, which would be drawn anew at each click. */
function pressed(message) {
  return workspace.state.pressed[`${message.channel}:${message.ts}`] ?? [];
}

function decidable(blocks) {
  return (blocks ?? []).some((block) => [...(block.elements ?? []), block.accessory].some((one) => one && DECIDES.has(one.action_id)));
}
