// Elements that send a click: buttons, overflow menus, and fields that stand outside an input block.

import { h, icon } from "./dom.js";
import { field, isField } from "./fields.js";
import { post } from "./live.js";
import { textOf } from "./mrkdwn.js";
import { confirmed, toast } from "./overlay.js";
import { go, placeOfLink, workspace } from "./workspace.js";

/**
 * A surface says where blocks stand: {place: {channel, ts, ephemeral?} | {view_id}, fields: [] to collect into, kept: values of before}.
 * Gives the node for an interactive element, or null if this page does not know its type.
 */
export function interactive(element, blockId, surface) {
  if (element.type === "button" || element.type === "icon_button") return button(element, blockId, surface);
  if (element.type === "overflow") return overflow(element, blockId, surface);
  if (element.type === "feedback_buttons") return feedback(element, blockId, surface);
  if (isField(element)) return actingField(element, blockId, surface);
  return null;
}

/** Sends a click and waits for the server, the control disabled and turning meanwhile. */
export async function act(control, element, blockId, surface, value) {
  if (!(await confirmed(element.confirm))) return false;
  const answer = await busy(control, () =>
    post("click", { as: workspace.state.me, ...surface.place, block_id: blockId, action_id: element.action_id, value }),
  );
  if (!answer.ok) toast(answer.error ?? "This action didn't work. Try again.");
  return answer.ok;
}

/** Disables a control while something is under way, and gives it the focus back. */
export async function busy(control, work) {
  const focused = control.contains(document.activeElement);
  control.disabled = true;
  control.setAttribute("aria-busy", "true");
  try {
    return await work();
  } finally {
    control.disabled = false;
    control.removeAttribute("aria-busy");
    if (focused && control.isConnected && document.activeElement === document.body) control.focus();
  }
}

function button(element, blockId, surface) {
  const style = ["primary", "danger"].includes(element.style) ? element.style : "";
  const press = async () => {
    const address = /^https?:\/\//i.test(element.url ?? "") ? element.url : null;
    const place = address && placeOfLink(address);
    if (place) go(place);
    else if (address) window.open(address, "_blank", "noopener,noreferrer");
    await act(node, element, blockId, surface, element.value);
  };
  const node = h(
    "button",
    {
      type: "button",
      class: `button ${style}`,
      "aria-label": element.accessibility_label,
      data: { actionId: element.action_id ?? "", value: element.value ?? "" },
      onclick: press,
    },
    h("span", { class: "button-text" }, textOf(element.text)),
  );
  return node;
}

function feedback(element, blockId, surface) {
  const made = [element.positive_button, element.negative_button].filter(Boolean);
  return h("span", { class: "feedback" }, made.map((one) => button({ ...one, action_id: element.action_id }, blockId, surface)));
}

function overflow(element, blockId, surface) {
  const opener = h(
    "button",
    { type: "button", class: "button overflow", "aria-haspopup": "menu", "aria-expanded": "false", "aria-label": "More actions", data: { actionId: element.action_id ?? "" }, onclick: () => (menu.hidden ? open() : close()) },
    icon("dots"),
  );
  const choose = (option) => async () => {
    close();
    opener.focus();
    await act(opener, element, blockId, surface, option.value);
  };
  const items = (element.options ?? []).map((option) =>
    h("button", { type: "button", role: "menuitem", tabindex: -1, data: { value: option.value ?? "" }, onclick: choose(option) }, textOf(option.text)),
  );
  const menu = h("div", { class: "menu", role: "menu", hidden: true }, items);
  const node = h("span", { class: "menu-holder" }, opener, menu);
  const outside = (event) => node.contains(event.target) || close();
  function open() {
    menu.hidden = false;
    opener.setAttribute("aria-expanded", "true");
    document.addEventListener("pointerdown", outside);
    items[0]?.focus();
  }
  function close() {
    menu.hidden = true;
    opener.setAttribute("aria-expanded", "false");
    document.removeEventListener("pointerdown", outside);
  }
  node.addEventListener("keydown", (event) => {
    const steps = { ArrowDown: 1, ArrowUp: -1 };
    if (event.key === "Escape" && !menu.hidden) {
      event.stopPropagation();
      close();
      opener.focus();
    } else if (event.key in steps && !menu.hidden) {
      event.preventDefault();
      items[(items.indexOf(document.activeElement) + steps[event.key] + items.length) % items.length].focus();
    }
  });
  return node;
}

function actingField(element, blockId, surface) {
  const made = field(element, {
    kept: surface.kept?.[blockId]?.[element.action_id],
    label: textOf(element.placeholder) || element.action_id,
    onchange: (value) => act(made.node, element, blockId, surface, value),
  });
  surface.fields?.push({ ...made, blockId, optional: true });
  return made.node;
}
