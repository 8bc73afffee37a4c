// A list of messages that follows the state: grouped by day and author, scrolled to the newest unless somebody reads further up.

import { ago, dayName, momentOf } from "./dates.js";
import { h, reconcile } from "./dom.js";
import { lookOfNames, messageNode } from "./message.js";
import { replies, statusOf } from "./workspace.js";

const GROUP_MS = 5 * 60_000;
const NEAR_PX = 60;

/** The scrolling box of a pane; fill it with follow(). */
export function timeline(label, testid) {
  return h("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": label, data: { testid } }, h("ol", { class: "timeline" }));
}

/**
 * Shows messages (oldest first) with the ephemerals between them. `first` is the thread's first message, set apart by the count of
 * replies; `beginning` is the node maker for the words before the first message of a channel.
 */
export function follow(box, { channelId, messages, ephemerals, first = null, beginning = null }) {
  const atEnd = box.scrollHeight - box.scrollTop - box.clientHeight < NEAR_PX;
  const fresh = !box.dataset.shown;
  const wanted = [];
  const names = lookOfNames();
  if (beginning) wanted.push({ key: "beginning", mark: beginning.mark, make: beginning.make });
  if (first) {
    wanted.push(row(first, { channelId, inThread: true }, names));
    const count = messages.length === 1 ? "1 reply" : `${messages.length} replies`;
    if (messages.length) wanted.push({ key: "count", mark: count, make: () => h("li", { class: "divide divide-replies" }, h("span", {}, count)) });
  }
  const private_ = ephemerals.map((message) => ({ ...message, ephemeral: true }));
  let before = null;
  for (const message of [...messages, ...private_].sort((one, other) => Number(one.ts) - Number(other.ts))) {
    const day = momentOf(message.ts).toDateString();
    const newDay = !first && (!before || momentOf(before.ts).toDateString() !== day);
    if (newDay) {
      const name = dayName(momentOf(message.ts));
      wanted.push({ key: `day ${day}`, mark: name, make: () => h("li", { class: "divide" }, h("span", {}, name)) });
    }
    const looks = { channelId, compact: !newDay && goesOn(before, message), inThread: Boolean(first), ephemeral: Boolean(message.ephemeral) };
    if (!first && !message.ephemeral) Object.assign(looks, underneath(channelId, message.ts));
    wanted.push(row(message, looks, names));
    before = message;
  }
  reconcile(box.firstElementChild, wanted);
  box.dataset.shown = "yes";
  if (fresh || atEnd) box.scrollTop = box.scrollHeight;
}

/** What hangs under a message of a channel: its replies and its session's status. */
function underneath(channelId, ts) {
  const replied = replies(channelId, ts);
  const lastReply = replied.length ? ago(momentOf(replied.at(-1).ts)) : null;
  return { replied, lastReply, status: statusOf(channelId, ts) };
}

function row(message, looks, names) {
  const replied = (looks.replied ?? []).map((one) => [one.ts, one.user]);
  return {
    key: `${message.ephemeral ? "only-you" : "message"} ${message.ts}`,
    mark: JSON.stringify([message, { ...looks, replied }, names]),
    make: () => messageNode(message, looks),
  };
}

/** Does this message go on where the same person just spoke? Then it needs no head of its own. */
function goesOn(before, message) {
  return Boolean(before) && before.user === message.user && !before.ephemeral && !message.ephemeral && (Number(message.ts) - Number(before.ts)) * 1000 < GROUP_MS;
}
