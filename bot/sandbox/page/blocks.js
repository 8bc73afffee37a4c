// Block Kit: one function a block type. A block that is not known is named, never left out in silence.

import { interactive } from "./actions.js";
import { add, h, icon, link } from "./dom.js";
import { field } from "./fields.js";
import { markdown } from "./markdown.js";
import { textObject, textOf } from "./mrkdwn.js";
import { richText } from "./rich_text.js";

/** Blocks as nodes; `surface` as in actions.js. */
export function renderBlocks(blocks, surface) {
  return (blocks ?? []).map((block) => {
    const make = Object.hasOwn(BLOCKS, block.type) ? BLOCKS[block.type] : unknown;
    const node = make(block, surface);
    node.classList.add("block", `block-${block.type}`);
    if (block.block_id) node.dataset.blockId = block.block_id;
    return node;
  });
}

const BLOCKS = {
  section,
  context,
  actions: row,
  context_actions: row,
  header: (block) => h("h3", { class: "text" }, textOf(block.text)),
  divider: () => h("hr"),
  markdown: (block) => h("div", { class: "prose" }, markdown(block.text)),
  rich_text: (block) => h("div", { class: "rich" }, richText(block)),
  image: (block) => image(block),
  input,
  table,
  plan,
  task_card: taskCard,
  card,
  carousel: (block, surface) => h("div", {}, renderBlocks((block.elements ?? []).map((one) => ({ ...one, type: "card" })), surface)),
  container,
  alert: (block) => h("div", { class: `alert alert-${alertLevel(block.level)}`, role: "note" }, h("div", { class: "text" }, textObject(block.text))),
  file: (block) => h("div", { class: "file" }, icon("file"), block.external_id ?? "File"),
  video: (block) => image({ alt_text: textOf(block.title) || block.alt_text }),
};

function unknown(block) {
  return h("div", { class: "unknown" }, `This page cannot show a block of the type ${block.type}.`);
}

function section(block, surface) {
  const fields = (block.fields ?? []).map((one) => h("div", { class: "text field" }, textObject(one)));
  const body = h("div", { class: "section-body" });
  if (block.text) body.append(h("div", { class: "text" }, textObject(block.text)));
  if (fields.length) body.append(h("div", { class: "fields" }, fields));
  return h("div", {}, body, block.accessory ? h("div", { class: "accessory" }, part(block.accessory, block, surface)) : null);
}

function context(block) {
  return h(
    "div",
    {},
    (block.elements ?? []).map((one) => (one.type === "image" ? image(one) : h("div", { class: "text" }, textObject(one)))),
  );
}

function row(block, surface) {
  const label = block.type === "actions" ? "Actions" : "Feedback";
  return h("div", { role: "group", "aria-label": label }, (block.elements ?? []).map((one) => part(one, block, surface)));
}

function part(element, block, surface) {
  if (element.type === "image") return image(element);
  return interactive(element, block.block_id, surface) ?? unknown(element);
}

/** Pictures are never fetched: the page needs nothing from outside, so their words stand for them. */
function image({ alt_text: words, title }) {
  const shown = [title ? textOf(title) : null, words].filter(Boolean).join(" · ") || "Image";
  return h("div", { class: "alt", role: "img", "aria-label": shown }, icon("image"), h("span", {}, shown));
}

function input(block, surface) {
  const id = `field-${crypto.randomUUID()}`;
  const made = field(block.element, {
    kept: surface.kept?.[block.block_id]?.[block.element.action_id],
    describedBy: `${id}-error ${id}-hint`,
  });
  if (!made) return unknown(block.element ?? block);
  const group = made.node.classList.contains("choices");
  const error = h("div", { class: "field-error", id: `${id}-error`, data: { testid: "field-error" }, hidden: true });
  const label = [textOf(block.label), block.optional ? h("span", { class: "optional" }, " (optional)") : null];
  made.node.id = id;
  if (group) made.node.setAttribute("aria-labelledby", `${id}-label`);
  if (!block.optional && !group) made.node.setAttribute("aria-required", "true");
  surface.fields?.push({ ...made, blockId: block.block_id, optional: Boolean(block.optional), error });
  return h(
    "div",
    { class: "input-block" },
    group ? h("div", { class: "label", id: `${id}-label` }, label) : h("label", { class: "label", for: id, id: `${id}-label` }, label),
    made.node,
    error,
    h("div", { class: "hint", id: `${id}-hint` }, block.hint ? textObject(block.hint) : null),
  );
}

function table(block) {
  const settings = block.column_settings ?? [];
  const cell = (tag) => (one, column) => {
    const align = ["center", "right"].includes(settings[column]?.align) ? settings[column].align : "left";
    return h(tag, { class: `align-${align}` }, one.type === "rich_text" ? richText(one) : String(one.text ?? one.value ?? ""));
  };
  const [head = [], ...rest] = block.rows ?? [];
  const body = rest.map((cells) => h("tr", {}, cells.map(cell("td"))));
  return h("div", { class: "table", tabindex: 0, role: "region", "aria-label": "Table" }, h("table", {}, h("thead", {}, h("tr", {}, head.map(cell("th")))), h("tbody", {}, body)));
}

const TASK_STATES = { pending: "to do", in_progress: "in progress", complete: "done", error: "failed" };

/** The tasks stand open while the message grows, and are folded away behind the plan's title afterwards. */
function plan(block, surface) {
  const tasks = renderBlocks((block.tasks ?? []).map((task) => ({ ...task, type: "task_card" })), surface);
  if (!tasks.length && !textOf(block.title)) return h("div", { hidden: true });
  return add(h("details", { open: surface.growing }), h("summary", { class: "plan-title" }, textOf(block.title)), tasks);
}

function taskCard(block) {
  const state = Object.hasOwn(TASK_STATES, block.status) ? block.status : "pending";
  const sources = (block.sources ?? []).map((source) => h("li", {}, link(source.url, source.text || source.url)));
  return h(
    "div",
    { class: `task task-${state}` },
    h("span", { class: "task-sign", role: "img", "aria-label": TASK_STATES[state] }, state === "complete" ? icon("check") : state === "error" ? icon("close") : null),
    h(
      "div",
      { class: "task-body" },
      h("div", { class: "task-title" }, textOf(block.title)),
      block.details ? h("div", { class: "rich" }, richText(block.details)) : null,
      block.output ? h("div", { class: "rich" }, richText(block.output)) : null,
      sources.length ? h("ul", { class: "sources" }, sources) : null,
    ),
  );
}

function card(block, surface) {
  const head = [
    block.icon ? image(block.icon) : null,
    block.title ? h("div", { class: "card-title text" }, textObject(block.title)) : null,
    block.subtitle ? h("div", { class: "card-subtitle text" }, textObject(block.subtitle)) : null,
  ];
  return h(
    "div",
    {},
    block.hero_image ? image(block.hero_image) : null,
    head,
    block.body ? h("div", { class: "text" }, textObject(block.body)) : null,
    block.actions?.length ? h("div", { class: "block block-actions" }, block.actions.map((one) => part(one, block, surface))) : null,
  );
}

function container(block, surface) {
  const title = block.rich_text_title ? richText(block.rich_text_title) : textOf(block.title);
  const head = [h("div", { class: "card-title" }, title), block.subtitle ? h("div", { class: "card-subtitle text" }, textObject(block.subtitle)) : null];
  const body = renderBlocks(block.child_blocks, surface);
  if (!block.is_collapsible) return h("div", {}, head, body);
  return add(h("details", { open: !block.default_collapsed }), h("summary", {}, head), body);
}

function alertLevel(level) {
  return ["info", "warning", "error", "success"].includes(level) ? level : "default";
}
