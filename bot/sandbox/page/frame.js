// What stands around the conversations: the bar at the top and the rail on the left.

import { backstageButtons } from "./backstage.js";
import { h, icon, reconcile } from "./dom.js";
import { avatar } from "./message.js";
import { go, isAppChannel, placeInAddress, workspace } from "./workspace.js";

/** The bar at the top: which model answers, is the bot there, and who one acts as. */
export function drawTop(node, { linked }) {
  const { notes = {}, bot, people, me } = workspace.state;
  const link = !linked ? ["off", "Reconnecting to the sandbox…"] : bot.connected ? ["on", `${bot.name} is connected`] : ["off", `${bot.name} is not connected`];
  const others = Object.entries(notes).filter(([name]) => name !== "model");
  reconcile(node, [
    { key: "menu", mark: "", make: menuButton },
    { key: "brand", mark: "", make: () => h("div", { class: "brand" }, h("span", { class: "brand-sign" }, icon("check")), h("span", {}, "Signoff sandbox", h("small", {}, "a small Slack on this machine"))) },
    { key: "notes", mark: "", make: () => h("div", { class: "notes" }) },
    { key: "act-as", mark: JSON.stringify([people.map((one) => [one.id, one.real_name, one.is_admin]), me]), make: actAs },
  ]);
  const connection = () => h("span", { class: `note connection connection-${link[0]}`, role: "status", data: { testid: "connection" } }, h("span", { class: "dot" }), link[1]);
  reconcile(node.querySelector(".notes"), [
    ...(notes.model ? [["model", notes.model], ...others] : others).map(([name, text]) => ({ key: name, mark: text, make: () => note(name, text) })),
    { key: "connection", mark: JSON.stringify(link), make: connection },
    ...backstageButtons(),
  ]);
}

/** On a phone the rail takes the place of what is on the screen, until a place is chosen in it. */
function menuButton() {
  const press = () => showRail(!document.getElementById("workspace").classList.contains("with-rail"));
  return h("button", { type: "button", class: "icon-button menu-button", "aria-label": "Channels and people", "aria-expanded": "false", "aria-controls": "rail", data: { testid: "menu" }, onclick: press }, icon("menu"));
}

export function showRail(shown) {
  document.getElementById("workspace").classList.toggle("with-rail", shown);
  document.querySelector(".menu-button")?.setAttribute("aria-expanded", String(shown));
}

function note(name, text) {
  return h("span", { class: "note", title: text, data: { testid: `note-${name}` } }, text);
}

function actAs(old) {
  const { people, me } = workspace.state;
  const options = people.map((one) => h("option", { value: one.id, selected: one.id === me }, `${one.real_name ?? one.name}${one.is_admin ? " (admin)" : ""}`));
  const choose = (event) => go({ as: event.target.value, ...placeOf() });
  const select = h("select", { "aria-label": "Act as", data: { testid: "act-as" }, onchange: choose }, options);
  if (old?.contains(document.activeElement)) queueMicrotask(() => select.focus());
  return h("label", { class: "act-as" }, h("span", { class: "act-as-label" }, "Act as"), avatar(me, "avatar-small"), select);
}

/** The rail: channels, private channels, direct messages, the app. */
export function drawRail(node, place) {
  const { channels, bot } = workspace.state;
  const of = (kinds) => channels.filter((one) => kinds.includes(one.kind) && !isAppChannel(one));
  const app = workspace.appChannel;
  const groups = [
    ["Channels", of(["channel"]).map((one) => channelRow(one, place, icon("hash")))],
    ["Private channels", of(["private"]).map((one) => channelRow(one, place, icon("lock")))],
    ["Direct messages", of(["mpim", "im"]).map((one) => channelRow(one, place, one.kind === "mpim" ? icon("people") : avatar(one.user, "avatar-small")))],
    [
      "App",
      [
        row({ key: "home", testid: "home-tab", sign: avatar(bot.id, "avatar-small"), label: `${bot.name} · Home`, current: place.channel === "home", channel: "home" }),
        app ? row({ key: app.id, testid: `channel-${app.name}`, sign: icon("reply"), label: "Messages", unread: app.unread, current: place.channel === app.id, channel: app.id, inset: true }) : null,
      ].filter(Boolean),
    ],
    ["People", workspace.state.backstage ? workspace.state.people.map(personRow) : []],
  ].filter(([, rows]) => rows.length);
  reconcile(
    node,
    groups.map(([title]) => ({ key: title, mark: "", make: () => h("section", { "aria-label": title }, h("h2", {}, title), h("ul")) })),
  );
  groups.forEach(([, rows], index) => reconcile(node.children[index].lastElementChild, rows));
}

/** A person to act as, with the id that a policy names them by. */
function personRow({ id, name, real_name }) {
  const current = id === workspace.state.me;
  const make = (old) => {
    const label = h("span", { class: "rail-label" }, real_name ?? name, h("span", { class: "person-id" }, id));
    const props = { type: "button", class: "rail-row rail-person", "aria-current": current ? "true" : null, data: { testid: `person-${name}` }, onclick: () => go({ as: id, ...placeOf() }) };
    const button = h("button", props, avatar(id, "avatar-small"), label);
    if (old?.contains(document.activeElement)) queueMicrotask(() => button.focus());
    return h("li", {}, button);
  };
  return { key: id, mark: JSON.stringify([real_name, current]), make };
}

/** Where one is after acting as somebody else: everybody has messages of their own with the app; any other place stays. */
function placeOf() {
  return placeInAddress().channel === workspace.appChannel?.id ? { channel: "app", thread: null } : {};
}

function channelRow(one, place, sign) {
  const name = one.kind === "mpim" ? "mpim" : one.name; // a group's name changes with who looks
  return row({ key: one.id, testid: `channel-${name}`, sign, label: one.name, unread: one.unread, current: place.channel === one.id, channel: one.id });
}

function row({ key, testid, sign, label, unread, current, channel, inset }) {
  return {
    key,
    mark: JSON.stringify([label, unread, current]),
    make: (old) => {
      const button = h(
        "button",
        {
          type: "button",
          class: ["rail-row", unread && !current && "rail-row-unread", inset && "rail-row-inset"].filter(Boolean).join(" "),
          "aria-current": current ? "page" : null,
          data: { testid },
          onclick: () => go({ channel, thread: null }),
        },
        sign,
        h("span", { class: "rail-label" }, label),
        unread && !current ? h("span", { class: "unread", "aria-label": `${unread} unread` }, unread) : null,
      );
      const focused = old?.contains(document.activeElement);
      if (focused) queueMicrotask(() => button.focus());
      return h("li", {}, button);
    },
  };
}
