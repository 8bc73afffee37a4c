// What the page knows of the workspace: the last state the server told, and the place that is looked at.

let state = null;

/** Keeps the state that GET /sandbox/state answered (see bot/sandbox/slack for its shape). */
export function takeIn(next) {
  state = next;
}

export const workspace = {
  get state() { return state; },
  get bot() { return state.bot; },
  get me() { return state.people.find((person) => person.id === state.me) ?? { id: state.me, name: state.me }; },
  get appChannel() { return state.channels.find(isAppChannel) ?? null; },
};

/** A person, or the bot, for an id; null for an id that nobody here has. */
export function member(id) {
  if (id === state.bot.id) return { ...state.bot, bot: true };
  return state.people.find((person) => person.id === id) ?? null;
}

/** How a member is called in messages: the full name where there is one. */
export function nameOf(id) {
  const found = member(id);
  return found ? found.real_name || found.name : id;
}

export function channel(id) {
  return state.channels.find((one) => one.id === id) ?? null;
}

/** The direct messages with the bot are the Messages tab of the app. */
export function isAppChannel(one) {
  return one.kind === "im" && one.user === state.bot.id;
}

/** Messages of a channel that stand in the channel itself, in order of time. */
export function rootMessages(channelId) {
  return messagesOf(channelId).filter((message) => !message.thread_ts || message.thread_ts === message.ts);
}

/** The replies of a thread, without the message that started it. */
export function replies(channelId, threadTs) {
  return messagesOf(channelId).filter((message) => message.thread_ts === threadTs && message.ts !== threadTs);
}

export function rootOf(channelId, threadTs) {
  return messagesOf(channelId).find((message) => message.ts === threadTs) ?? null;
}

/** What only the acting person sees in a place; threadTs null means the channel itself. */
export function ephemeralsIn(channelId, threadTs) {
  return (state.ephemerals ?? []).filter(
    (message) => message.channel === channelId && (message.thread_ts ?? null) === threadTs && !dismissed.has(message.ts),
  );
}

/** "processing", "suspended", … or null. */
export function statusOf(channelId, threadTs) {
  return state.statuses?.[`${channelId}:${threadTs}`] || null;
}

const dismissed = new Set();

/** An ephemeral is put away in this browser only, as in Slack. */
export function dismiss(ts) {
  dismissed.add(ts);
}

function messagesOf(channelId) {
  const all = state.messages[channelId] ?? [];
  return [...all].sort((one, other) => Number(one.ts) - Number(other.ts));
}

/** The place in the address: #/as/UID/CHANNEL/THREAD_TS; CHANNEL is "home" for the app's Home tab, "app" for its Messages. */
export function placeInAddress() {
  const [, sign, as, place, thread] = location.hash.replace(/^#/, "").split("/").map(decodeURIComponent);
  if (sign !== "as" || !as) return { as: null, channel: null, thread: null };
  return { as, channel: place || null, thread: thread || null };
}

/** The place that a message's address means in this workspace, as in Slack's own client; null for any other address. */
export function placeOfLink(address) {
  const url = new URL(address, location.href);
  const [, at, id, message] = url.pathname.split("/");
  if (url.origin !== location.origin || at !== "archives" || !/^p\d{7,}$/.test(message ?? "")) return null;
  return { channel: id, thread: url.searchParams.get("thread_ts") ?? `${message.slice(1, -6)}.${message.slice(-6)}` };
}

/** Goes to a place; what is not named stays as it is. */
export function go(change) {
  const { as, channel: place, thread } = { ...placeInAddress(), ...change };
  const parts = ["as", as ?? state.me, place, place && thread].filter(Boolean).map(encodeURIComponent);
  location.hash = `#/${parts.join("/")}`;
}
