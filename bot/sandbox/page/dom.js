// Every node of the page is made here. Data becomes text or an inert attribute, never markup: no innerHTML anywhere.

/** An element with attributes, listeners (functions named on…), `data` (data-*) and children (nodes, text, nested lists). */
export function h(tag, props = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value === undefined || value === null || value === false) continue;
    if (typeof value === "function") node.addEventListener(name.slice(2), value);
    else if (name === "data") Object.assign(node.dataset, value);
    else if (name.startsWith("on")) throw new Error(`A listener must be a function: ${name}`);
    else node.setAttribute(name, value === true ? "" : value);
  }
  return add(node, children);
}

/** Appends children, leaving out what is not there (null, undefined, false). */
export function add(node, ...children) {
  node.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

/** A link, if the address is one that cannot run anything; else the label as text. */
export function link(address, ...label) {
  const plain = String(address);
  if (!/^(https?:\/\/|mailto:)/i.test(plain)) return h("span", {}, ...label);
  return h("a", { href: plain, target: "_blank", rel: "noopener noreferrer" }, ...label);
}

/**
 * Makes the children of `parent` those that are wanted: [{key, mark, make}]. A child whose mark is the same stays the very same node,
 * so that focus, open menus, typed text and pending buttons live through an update.
 */
export function reconcile(parent, wanted) {
  const before = new Map([...parent.children].map((child) => [child.sandboxKey, child]));
  const nodes = wanted.map(({ key, mark, make }) => {
    const old = before.get(key);
    if (old && old.sandboxMark === mark) return old;
    return Object.assign(make(old), { sandboxKey: key, sandboxMark: mark });
  });
  const keep = new Set(nodes);
  for (const child of [...parent.children]) if (!keep.has(child)) child.remove();
  nodes.forEach((node, place) => {
    if (parent.children[place] !== node) parent.insertBefore(node, parent.children[place] ?? null);
  });
}

const ICONS = {
  hash: "M6.5 2.5 5 13.5M11 2.5 9.5 13.5M3 6h10.5M2.5 10H13",
  lock: "M4 7.5h8v6H4zM5.5 7.5V5a2.5 2.5 0 0 1 5 0v2.5",
  check: "m3 8.5 3.5 3.5L13 4.5",
  close: "m4 4 8 8M12 4l-8 8",
  send: "M3 13.5 14 8 3 2.5l1.5 5.5zM4.5 8H14",
  reply: "M13.5 9.5a1.5 1.5 0 0 1-1.5 1.5H6l-3.5 2.5v-9A1.5 1.5 0 0 1 4 3h8a1.5 1.5 0 0 1 1.5 1.5z",
  eye: "M1.5 8S4 3.5 8 3.5 14.5 8 14.5 8 12 12.5 8 12.5 1.5 8 1.5 8zM8 10a2 2 0 1 0 0-4 2 2 0 0 0 0 4z",
  clip: "m12.5 7-5 5a2.8 2.8 0 0 1-4-4l5.5-5.5a1.9 1.9 0 0 1 2.7 2.7L6.5 10.5a.9.9 0 0 1-1.3-1.3L10 4.5",
  file: "M4 2h5l3.5 3.5V14H4zM9 2v3.5h3.5",
  menu: "M2.5 4h11M2.5 8h11M2.5 12h11",
  dots: "M3.5 8h.01M8 8h.01M12.5 8h.01",
  warn: "M8 2 1.5 13.5h13zM8 6.5V10M8 11.7v.1",
  people: "M6 8a2.2 2.2 0 1 0 0-4.5A2.2 2.2 0 0 0 6 8zM1.8 13.2a4.2 4.2 0 0 1 8.4 0M10.5 8a2 2 0 0 0 0-4M11.8 9.7a3.8 3.8 0 0 1 2.5 3.5",
  bar: "M8 2a6 6 0 1 0 0 12A6 6 0 0 0 8 2zM5 8h6",
  clock: "M8 2a6 6 0 1 0 0 12A6 6 0 0 0 8 2zM8 5v3.2l2.2 1.4",
  back: "M6.5 3 3 6.5 6.5 10M3.2 6.5h6.3a3.5 3.5 0 0 1 0 7H7",
  image: "M2.5 3h11v10h-11zM2.5 11 6 7.5l3 3 1.5-1.5 3 3M10.5 6h.01",
};

/** One of the page's own line icons, 16 px, coloured like the text around it; hidden from screen readers. */
export function icon(name) {
  const space = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(space, "svg");
  const path = document.createElementNS(space, "path");
  const look = { viewBox: "0 0 16 16", class: `icon icon-${name}`, "aria-hidden": "true" };
  for (const [key, value] of Object.entries(look)) svg.setAttribute(key, value);
  path.setAttribute("d", ICONS[name]);
  svg.append(path);
  return svg;
}
