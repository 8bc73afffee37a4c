// The short codes that are shown as a sign. A code that is not here stays text, as in Slack.

import { h, icon } from "./dom.js";

/** Signs that tell how something ended are drawn, since not every machine has a font for them: code -> [icon, colour]. */
const DRAWN = {
  white_check_mark: ["check", "green"], heavy_check_mark: ["check", "green"], x: ["close", "red"], no_entry: ["bar", "red"], no_entry_sign: ["bar", "red"],
  warning: ["warn", "amber"], hourglass: ["clock", "grey"], hourglass_flowing_sand: ["clock", "grey"], alarm_clock: ["clock", "amber"],
  leftwards_arrow_with_hook: ["back", "grey"], lock: ["lock", "grey"], eyes: ["eye", "grey"], octagonal_sign: ["bar", "red"],
};

const SIGNS = {
  "+1": "👍", "-1": "👎", thumbsup: "👍", thumbsdown: "👎", white_check_mark: "✅", heavy_check_mark: "✔️", ballot_box_with_check: "☑️", leftwards_arrow_with_hook: "↩️", x: "❌",
  negative_squared_cross_mark: "❎", no_entry: "⛔", no_entry_sign: "🚫", warning: "⚠️", octagonal_sign: "🛑", information_source: "ℹ️",
  question: "❓", exclamation: "❗", hourglass: "⌛", hourglass_flowing_sand: "⏳", stopwatch: "⏱️", alarm_clock: "⏰", clock1: "🕐",
  eyes: "👀", lock: "🔒", unlock: "🔓", key: "🔑", shield: "🛡️", package: "📦", truck: "🚚", shopping_trolley: "🛒", receipt: "🧾", credit_card: "💳",
  moneybag: "💰", chart_with_upwards_trend: "📈", memo: "📝", pencil: "📝", pencil2: "✏️", clipboard: "📋", page_facing_up: "📄", mag: "🔍",
  bulb: "💡", bell: "🔔", no_bell: "🔕", speech_balloon: "💬", thought_balloon: "💭", robot_face: "🤖", wave: "👋", raised_hand: "✋", hand: "✋",
  pray: "🙏", tada: "🎉", rocket: "🚀", fire: "🔥", sparkles: "✨", star: "⭐", zap: "⚡", heart: "❤️", smile: "😄", slightly_smiling_face: "🙂",
  thinking_face: "🤔", sweat_smile: "😅", bust_in_silhouette: "👤", busts_in_silhouette: "👥", link: "🔗", wastebasket: "🗑️", gear: "⚙️",
  wrench: "🔧", arrow_right: "➡️", arrow_left: "⬅️", arrows_counterclockwise: "🔄", repeat: "🔁", large_green_circle: "🟢", red_circle: "🔴",
  large_yellow_circle: "🟡", large_blue_circle: "🔵", white_circle: "⚪", black_circle: "⚫", calendar: "📅", date: "📅", email: "📧", inbox_tray: "📥",
};

/** The sign for a code without its colons as a node, or null. */
export function sign(code) {
  if (!Object.hasOwn(DRAWN, code)) return emoji(code);
  const [drawn, colour] = DRAWN[code];
  return h("span", { class: `sign sign-${colour}`, role: "img", "aria-label": code.replaceAll("_", " "), title: `:${code}:` }, icon(drawn));
}

/** The sign for a code without its colons as a character, or null. */
export function emoji(code) {
  return Object.hasOwn(SIGNS, code) ? SIGNS[code] : null;
}

/** Plain text with its emoji codes as signs: nothing else in it becomes live. */
export function withEmoji(text) {
  return String(text).replace(/:([a-z0-9_+-]+):/g, (whole, code) => emoji(code) ?? whole);
}
