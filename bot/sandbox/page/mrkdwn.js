// Slack's mrkdwn, and plain_text which is never live. Both give lists of nodes and text.

import { dateMarkup } from "./dates.js";
import { h, link } from "./dom.js";
import { sign, withEmoji } from "./emoji.js";
import { channel, nameOf, workspace } from "./workspace.js";

const EDGE = "[\\p{L}\\p{N}]"; // a mark inside a word is no mark: snake_case, 2*3*4
const styled = (mark) => {
  const [open, close] = [`(?<!${EDGE}|[${mark}])[${mark}](?![\\s${mark}])`, `(?<!\\s)[${mark}](?!${EDGE}|[${mark}])`];
  return `${open}((?:<[^<>\\n]*>|[^${mark}\\n])+?)${close}`;
};
const PIECE = new RegExp(
  [
    "`([^`\\n]+)`",
    "<([^<>\\n]+)>",
    "(https?:\\/\\/[^\\s<>|]+[^\\s<>|.,;:!?)'\"\\]])",
    ":([a-z0-9_+-]+):",
    styled("*"),
    styled("_"),
    styled("~"),
  ].join("|"),
  "gu",
);

/** mrkdwn as nodes; `verbatim` leaves bare addresses as text. */
export function mrkdwn(text, { verbatim = false } = {}) {
  return String(text ?? "")
    .split(/```\n?([\s\S]+?)\n?```/)
    .flatMap((part, place) => (place % 2 ? [h("pre", { class: "code" }, decode(part))] : lines(part, verbatim)));
}

/** plain_text: only emoji codes change, and only where the text object allows it. */
export function plain(text, { emojiCodes = true } = {}) {
  return emojiCodes ? withEmoji(text ?? "") : String(text ?? "");
}

/** A Block Kit text object (or a bare string, taken as plain text) as nodes. */
export function textObject(object) {
  if (object === null || object === undefined) return [];
  if (typeof object === "string") return [plain(object)];
  if (object.type === "mrkdwn") return mrkdwn(object.text, { verbatim: object.verbatim });
  return [plain(object.text, { emojiCodes: object.emoji !== false })];
}

/** A text object as one string, for labels and options. */
export function textOf(object) {
  return typeof object === "string" ? plain(object) : plain(object?.text, { emojiCodes: object?.emoji !== false });
}

export function mention(userId) {
  const mine = userId === workspace.state.me;
  return h("span", { class: mine ? "mention mention-me" : "mention" }, `@${nameOf(userId)}`);
}

export function channelMention(channelId, label) {
  return h("span", { class: "mention" }, `#${label || channel(channelId)?.name || channelId}`);
}

export function broadcast(range) {
  return h("span", { class: "mention mention-me" }, `@${range}`);
}

function lines(part, verbatim) {
  const found = [];
  for (const line of part.split(/(?<=\n)/)) {
    const quoted = /^(?:&gt;|>) ?/.exec(line);
    const last = found.at(-1);
    const text = quoted ? line.slice(quoted[0].length) : line;
    if (last && last.quoted === Boolean(quoted)) last.text += text;
    else found.push({ quoted: Boolean(quoted), text });
  }
  return found.flatMap(({ quoted, text }) =>
    quoted ? [h("blockquote", {}, inline(text.replace(/\n$/, ""), verbatim))] : inline(text, verbatim),
  );
}

function inline(text, verbatim) {
  const nodes = [];
  let from = 0;
  for (const found of text.matchAll(PIECE)) {
    if (found.index > from) nodes.push(decode(text.slice(from, found.index)));
    nodes.push(piece(found, verbatim));
    from = found.index + found[0].length;
  }
  if (from < text.length) nodes.push(decode(text.slice(from)));
  return nodes;
}

function piece([whole, code, angle, address, emojiCode, bold, italic, struck], verbatim) {
  if (code !== undefined) return h("code", {}, decode(code));
  if (angle !== undefined) return angleMarkup(angle, whole);
  if (address !== undefined) return verbatim ? decode(address) : link(decode(address), decode(address));
  if (emojiCode !== undefined) return sign(emojiCode) ?? whole;
  if (bold !== undefined) return h("strong", {}, inline(bold, verbatim));
  if (italic !== undefined) return h("em", {}, inline(italic, verbatim));
  return h("s", {}, inline(struck, verbatim));
}

function angleMarkup(inside, whole) {
  const [target, label] = splitOnce(inside, "|");
  if (target.startsWith("@")) return mention(target.slice(1));
  if (target.startsWith("#")) return channelMention(target.slice(1), label);
  if (target.startsWith("!date^")) {
    const [, seconds, pattern = "", address] = target.split("^");
    const shown = dateMarkup(seconds, decode(pattern)) ?? decode(label ?? "");
    return address ? link(decode(address), shown) : h("time", {}, shown);
  }
  if (target.startsWith("!subteam^")) return broadcast((label ?? target.slice(9)).replace(/^@/, ""));
  if (/^!(here|channel|everyone)$/.test(target)) return broadcast(target.slice(1));
  if (/^(https?:|mailto:)/i.test(target)) return link(decode(target), decode(label ?? target.replace(/^mailto:/i, "")));
  return decode(whole);
}

function splitOnce(text, mark) {
  const place = text.indexOf(mark);
  return place < 0 ? [text, undefined] : [text.slice(0, place), text.slice(place + 1)];
}

/** Slack's three entities, once: "&amp;lt;" is the text "&lt;". */
function decode(text) {
  return text.replace(/&(amp|lt|gt);/g, (_, name) => ({ amp: "&", lt: "<", gt: ">" })[name]);
}
