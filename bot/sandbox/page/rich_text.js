// The rich_text block: sections, lists, preformatted text and quotes. Its text is data: no markup in it is read.

import { dateMarkup } from "./dates.js";
import { h, link } from "./dom.js";
import { sign } from "./emoji.js";
import { broadcast, channelMention, mention } from "./mrkdwn.js";

/** The block's parts as nodes. */
export function richText(block) {
  return (block.elements ?? []).map(part);
}

function part(element) {
  const inside = () => (element.elements ?? []).map(leaf);
  switch (element.type) {
    case "rich_text_section":
      return h("div", { class: "rich-section" }, inside());
    case "rich_text_preformatted":
      return h("pre", { class: "code" }, inside());
    case "rich_text_quote":
      return h("blockquote", {}, inside());
    case "rich_text_list":
      return list(element);
    default:
      return h("div", { class: "unknown" }, `This page cannot show rich text of the kind ${element.type}.`);
  }
}

function list({ style, indent = 0, offset = 0, elements = [] }) {
  const ordered = style === "ordered";
  const look = { class: `rich-list indent-${Math.min(8, Number(indent) || 0)}`, start: ordered ? Number(offset) + 1 : null };
  return h(ordered ? "ol" : "ul", look, elements.map((item) => h("li", {}, part(item))));
}

function leaf(element) {
  switch (element.type) {
    case "text":
      return styled(element.text, element.style);
    case "link":
      return styled(link(element.url, element.text || element.url), element.style);
    case "user":
      return styled(mention(element.user_id), element.style);
    case "channel":
      return styled(channelMention(element.channel_id), element.style);
    case "usergroup":
      return broadcast(element.usergroup_id);
    case "broadcast":
      return broadcast(element.range);
    case "emoji":
      return sign(element.name) ?? `:${element.name}:`;
    case "date":
      return dateMarkup(element.timestamp, element.format ?? "{date_short} at {time}") ?? element.fallback ?? "";
    case "color":
      return h("code", {}, element.value);
    default:
      return h("span", { class: "unknown" }, `(${element.type})`);
  }
}

function styled(content, style = {}) {
  let node = content;
  if (style.code) node = h("code", {}, node);
  if (style.bold) node = h("strong", {}, node);
  if (style.italic) node = h("em", {}, node);
  if (style.strike) node = h("s", {}, node);
  if (style.underline) node = h("u", {}, node);
  return node;
}
