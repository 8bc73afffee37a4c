// The markdown block: the part of standard Markdown that Slack shows.

import { h, link } from "./dom.js";
import { sign } from "./emoji.js";
import { broadcast, channelMention, mention } from "./mrkdwn.js";

const INLINE = new RegExp(
  [
    "\\\\([\\\\`*_~\\[\\]()#|>!-])",
    "(`+)([\\s\\S]+?)\\2",
    "!?\\[((?:\\\\.|[^\\]\\\\])*)\\]\\(([^()\\s]+)\\)",
    "<([@#!][^<>\\n]+|https?:[^<>\\s]+)>",
    "(https?:\\/\\/[^\\s<>|]+[^\\s<>|.,;:!?)'\"\\]*_])",
    "\\*\\*(?!\\s)([\\s\\S]+?)(?<!\\s)\\*\\*",
    "~~(?!\\s)([\\s\\S]+?)(?<!\\s)~~",
    "(?<![\\p{L}\\p{N}])__(?!\\s)([\\s\\S]+?)(?<!\\s)__(?![\\p{L}\\p{N}])",
    "\\*(?![\\s*])([^*]+?)(?<!\\s)\\*",
    "(?<![\\p{L}\\p{N}])_(?![\\s_])([^_]+?)(?<!\\s)_(?![\\p{L}\\p{N}])",
    ":([a-z0-9_+-]+):",
  ].join("|"),
  "gu",
);
const FENCE = /^ {0,3}(```+|~~~+)/;
const ITEM = /^(\s*)([-*+]|\d{1,9}[.)])\s+(.*)$/;
const TABLE_RULE = /^\s*\|?\s*:?-+:?\s*(\|\s*:?-+:?\s*)*\|?\s*$/;

/** Markdown as a list of block nodes. */
export function markdown(text) {
  return blocks(String(text ?? "").replace(/\r\n?/g, "\n").split("\n"));
}

function blocks(lines) {
  const nodes = [];
  let at = 0;
  while (at < lines.length) {
    const kind = KINDS.find(({ starts }) => starts(lines, at));
    const [node, next] = kind ? kind.take(lines, at) : paragraph(lines, at);
    if (node) nodes.push(node);
    at = next;
  }
  return nodes;
}

const KINDS = [
  { starts: (lines, at) => !lines[at].trim(), take: (lines, at) => [null, at + 1] },
  { starts: (lines, at) => FENCE.test(lines[at]), take: fence },
  { starts: (lines, at) => /^#{1,6}\s+\S/.test(lines[at]), take: heading },
  { starts: (lines, at) => /^ {0,3}([-*_])( *\1){2,} *$/.test(lines[at]), take: (lines, at) => [h("hr"), at + 1] },
  { starts: (lines, at) => /^ {0,3}>/.test(lines[at]), take: quote },
  { starts: (lines, at) => ITEM.test(lines[at]), take: list },
  { starts: (lines, at) => lines[at].includes("|") && TABLE_RULE.test(lines[at + 1] ?? "x"), take: table },
];

function paragraph(lines, at) {
  let end = at + 1;
  while (end < lines.length && !KINDS.some(({ starts }) => starts(lines, end))) end += 1;
  return [h("p", {}, inline(lines.slice(at, end).join("\n"))), end];
}

function heading(lines, at) {
  const [, marks, words] = /^(#+)\s+(.*?)\s*#*$/.exec(lines[at]);
  return [h(`h${Math.min(6, marks.length + 2)}`, { class: `heading-${marks.length}` }, inline(words)), at + 1];
}

function fence(lines, at) {
  const mark = FENCE.exec(lines[at])[1];
  let end = at + 1;
  while (end < lines.length && !lines[end].trim().startsWith(mark)) end += 1;
  return [h("pre", { class: "code" }, lines.slice(at + 1, end).join("\n")), end + 1];
}

function quote(lines, at) {
  let end = at;
  while (end < lines.length && /^ {0,3}>/.test(lines[end])) end += 1;
  return [h("blockquote", {}, blocks(lines.slice(at, end).map((line) => line.replace(/^ {0,3}> ?/, "")))), end];
}

function list(lines, at) {
  const [, indent, mark] = ITEM.exec(lines[at]);
  const ordered = /\d/.test(mark);
  const node = h(ordered ? "ol" : "ul", ordered ? { start: parseInt(mark, 10) } : {});
  let end = at;
  while (end < lines.length) {
    const item = ITEM.exec(lines[end]);
    if (!item || item[1].length < indent.length || /\d/.test(item[2]) !== ordered) break;
    const inside = [item[3]];
    end += 1;
    while (end < lines.length && lines[end].trim() && leading(lines[end]) > indent.length) {
      inside.push(lines[end].slice(Math.min(leading(lines[end]), indent.length + item[2].length + 1)));
      end += 1;
    }
    node.append(h("li", {}, item[3].trim() ? tight(blocks(inside)) : []));
  }
  return [node, end];
}

/** An item of one paragraph stands without the paragraph's space. */
function tight(nodes) {
  return nodes.flatMap((node) => (node.tagName === "P" ? [...node.childNodes] : [node]));
}

function table(lines, at) {
  const aligns = cells(lines[at + 1]).map((rule) => (/^:-+:$/.test(rule) ? "center" : /-:$/.test(rule) ? "right" : "left"));
  const row = (tag, line) => h("tr", {}, cells(line).map((cell, column) => h(tag, { class: `align-${aligns[column] ?? "left"}` }, inline(cell))));
  let end = at + 2;
  while (end < lines.length && lines[end].includes("|")) end += 1;
  const body = lines.slice(at + 2, end).map((line) => row("td", line));
  return [h("div", { class: "table", tabindex: 0, role: "region", "aria-label": "Table" }, h("table", {}, h("thead", {}, row("th", lines[at])), h("tbody", {}, body))), end];
}

function cells(line) {
  return line.trim().replace(/^\|/, "").replace(/(?<!\\)\|$/, "").split(/(?<!\\)\|/).map((cell) => cell.trim().replace(/\\\|/g, "|"));
}

function leading(line) {
  return line.length - line.trimStart().length;
}

function inline(text) {
  const nodes = [];
  let from = 0;
  for (const found of text.matchAll(INLINE)) {
    if (found.index > from) nodes.push(text.slice(from, found.index));
    nodes.push(piece(found));
    from = found.index + found[0].length;
  }
  if (from < text.length) nodes.push(text.slice(from));
  return nodes;
}

function piece([whole, escaped, , code, label, address, angle, bare, bold, struck, bold2, italic, italic2, emojiCode]) {
  if (escaped !== undefined) return escaped;
  if (code !== undefined) return h("code", {}, code.trim());
  if (label !== undefined) return whole.startsWith("!") ? h("span", { class: "alt" }, label) : link(address, inline(label));
  if (angle !== undefined) return angleMarkup(angle, whole);
  if (bare !== undefined) return link(bare, bare);
  if (bold !== undefined || bold2 !== undefined) return h("strong", {}, inline(bold ?? bold2));
  if (struck !== undefined) return h("s", {}, inline(struck));
  if (italic !== undefined || italic2 !== undefined) return h("em", {}, inline(italic ?? italic2));
  return sign(emojiCode) ?? whole;
}

function angleMarkup(inside, whole) {
  const [target, label] = inside.split("|");
  if (target.startsWith("@")) return mention(target.slice(1));
  if (target.startsWith("#")) return channelMention(target.slice(1), label);
  if (/^!(here|channel|everyone)$/.test(target)) return broadcast(target.slice(1));
  return target.startsWith("http") ? link(target, label ?? target) : whole;
}
