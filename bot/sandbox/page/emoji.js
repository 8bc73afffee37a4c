// The short codes that are shown as a sign. A code that is not here stays text, as in Slack.

const SIGNS = {
  "+1": "👍", "-1": "👎", thumbsup: "👍", thumbsdown: "👎", white_check_mark: "✅", heavy_check_mark: "✔️", ballot_box_with_check: "☑️", x: "❌",
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

/** The sign for a code without its colons, or null. */
export function emoji(code) {
  return Object.hasOwn(SIGNS, code) ? SIGNS[code] : null;
}

/** Plain text with its emoji codes as signs: nothing else in it becomes live. */
export function withEmoji(text) {
  return String(text).replace(/:([a-z0-9_+-]+):/g, (whole, code) => emoji(code) ?? whole);
}
