// What a person fills in: text, numbers, selects, checkboxes, radio buttons, dates, in modals and in messages.

import { h } from "./dom.js";
import { textObject, textOf } from "./mrkdwn.js";
import { workspace } from "./workspace.js";

/**
 * A field for a Block Kit element: {node, read, element}. read() gives the value as /sandbox/submit takes it: text, an option's value,
 * a list of values, or null when empty. `kept` is a value that read() gave before the view was drawn anew.
 */
export function field(element, { kept, onchange, describedBy, label } = {}) {
  const make = MAKERS[element.type];
  if (!make) return null;
  const attributes = { data: { actionId: element.action_id ?? "" }, "aria-describedby": describedBy, "aria-label": label };
  const made = make(element, attributes, kept);
  if (onchange) made.node.addEventListener("change", () => onchange(made.read()));
  return { ...made, element };
}

/** Is this an element that is filled in? */
export const isField = (element) => Object.hasOwn(MAKERS, element?.type ?? "");

/** Why a value cannot be submitted, in Slack's words; null when it can. Length limits and patterns as Block Kit has them. */
export function problem(element, value, optional) {
  const empty = value === null || value === "" || (Array.isArray(value) && !value.length);
  if (empty) return optional ? null : "Please complete this required field.";
  if (element.min_length && value.length < element.min_length) return `Enter at least ${element.min_length} characters.`;
  if (element.max_length && value.length > element.max_length) return `Enter at most ${element.max_length} characters.`;
  if (element.type === "email_text_input" && !/^\S+@\S+\.\S+$/.test(value)) return "Enter a valid email address.";
  if (element.type === "url_text_input" && !URL.canParse(value)) return "Enter a valid URL.";
  if (element.type === "number_input") return numberProblem(element, value);
  return null;
}

function numberProblem(element, value) {
  const pattern = element.is_decimal_allowed ? /^-?(\d+(\.\d+)?|\.\d+)$/ : /^-?\d+$/;
  if (!pattern.test(value)) return element.is_decimal_allowed ? "Enter a number." : "Enter a whole number.";
  if (element.min_value !== undefined && Number(value) < Number(element.min_value)) return `Enter a number of at least ${element.min_value}.`;
  if (element.max_value !== undefined && Number(value) > Number(element.max_value)) return `Enter a number of at most ${element.max_value}.`;
  return null;
}

function line(type, mode) {
  return (element, attributes, kept) => {
    const shown = { class: "input", placeholder: textOf(element.placeholder), ...attributes };
    const node = element.multiline
      ? h("textarea", { rows: 4, ...shown })
      : h("input", { type, inputmode: mode, autocomplete: "off", ...shown });
    node.value = kept ?? element.initial_value ?? "";
    return { node, read: () => (node.value === "" ? null : node.value) };
  };
}

function picker(type, initial, { out = (text) => text, back = (value) => value } = {}) {
  return (element, attributes, kept) => {
    const node = h("input", { type, class: "input input-short", ...attributes });
    const start = kept ?? element[initial];
    if (start !== undefined && start !== null) node.value = back(start);
    return { node, read: () => (node.value === "" ? null : out(node.value)) };
  };
}

const asLocal = (seconds) => {
  const date = new Date(seconds * 1000);
  return new Date(date - date.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
};

function select(optionsOf, initialOf) {
  return (element, attributes, kept) => {
    const node = h("select", { class: "input", ...attributes });
    node.append(h("option", { value: "" }, textOf(element.placeholder) || "Choose…"));
    for (const { label, options } of groups(optionsOf(element))) {
      const made = options.map((option) => h("option", { value: option.value }, textOf(option.text)));
      node.append(...(label ? [h("optgroup", { label: textOf(label) }, made)] : made));
    }
    node.value = kept ?? initialOf(element) ?? "";
    return { node, read: () => node.value || null };
  };
}

/** Several choices, or one: a list that is always open, so nothing that can be chosen is hidden. */
function choices(type, optionsOf, initialOf) {
  return (element, attributes, kept) => {
    const name = `choice-${crypto.randomUUID()}`;
    const start = new Set([kept ?? initialOf(element) ?? []].flat());
    const node = h("div", { class: "choices", role: type === "radio" ? "radiogroup" : "group", tabindex: -1, ...attributes });
    for (const option of groups(optionsOf(element)).flatMap((group) => group.options)) {
      const input = h("input", { type, name, value: option.value });
      input.checked = start.has(option.value);
      const description = option.description ? h("span", { class: "choice-description" }, textObject(option.description)) : null;
      node.append(h("label", { class: "choice" }, input, h("span", { class: "choice-text" }, textObject(option.text), description)));
    }
    const chosen = () => [...node.querySelectorAll("input:checked")].map((input) => input.value);
    return { node, read: () => (type === "radio" ? (chosen()[0] ?? null) : chosen()) };
  };
}

function groups(options) {
  return options.some((one) => one.options) ? options : [{ options }];
}

const listed = (element) => element.option_groups ?? element.options ?? [];
const people = () => workspace.state.people.map((one) => ({ value: one.id, text: one.real_name || one.name }));
const places = () => workspace.state.channels.map((one) => ({ value: one.id, text: one.name }));
const initialOption = (element) => element.initial_option?.value;
const initialOptions = (element) => element.initial_options?.map((option) => option.value);
const from = (key) => (element) => element[key];

const MAKERS = {
  plain_text_input: line("text"),
  rich_text_input: line("text"),
  email_text_input: line("text", "email"),
  url_text_input: line("text", "url"),
  number_input: line("text", "decimal"),
  static_select: select(listed, initialOption),
  external_select: select(listed, initialOption),
  users_select: select(people, from("initial_user")),
  conversations_select: select(places, from("initial_conversation")),
  channels_select: select(places, from("initial_channel")),
  multi_static_select: choices("checkbox", listed, initialOptions),
  multi_external_select: choices("checkbox", listed, initialOptions),
  multi_users_select: choices("checkbox", people, from("initial_users")),
  multi_conversations_select: choices("checkbox", places, from("initial_conversations")),
  multi_channels_select: choices("checkbox", places, from("initial_channels")),
  checkboxes: choices("checkbox", listed, initialOptions),
  radio_buttons: choices("radio", listed, initialOption),
  datepicker: picker("date", "initial_date"),
  timepicker: picker("time", "initial_time"),
  datetimepicker: picker("datetime-local", "initial_date_time", {
    out: (text) => Math.floor(new Date(text).getTime() / 1000),
    back: asLocal,
  }),
};
