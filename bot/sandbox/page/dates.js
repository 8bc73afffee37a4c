// Times as people read them, in the browser's time zone.

const format = (options) => new Intl.DateTimeFormat("en-US", options);
const TIME = format({ hour: "numeric", minute: "2-digit" });
const TIME_SECONDS = format({ hour: "numeric", minute: "2-digit", second: "2-digit" });
const DAY = format({ weekday: "long", month: "long", day: "numeric" });
const WHOLE = format({ dateStyle: "full", timeStyle: "medium" });
const SHORT = format({ month: "short", day: "numeric", year: "numeric" });
const LONG = format({ weekday: "long", month: "long", day: "numeric", year: "numeric" });
const MEDIUM = format({ month: "long", day: "numeric", year: "numeric" });

/** The moment of a message; its ts begins with Unix seconds. */
export const momentOf = (ts) => new Date(Number(ts) * 1000);
export const clock = (date) => TIME.format(date);
export const wholeDate = (date) => WHOLE.format(date);

/** "Today", "Yesterday" or the day by name. */
export function dayName(date) {
  return pretty(date, DAY.format(date));
}

/** How long ago, roughly: "just now", "5 minutes ago", "2 days ago". */
export function ago(date, now = new Date()) {
  const minutes = Math.round((now - date) / 60_000);
  if (minutes < 1) return "just now";
  if (minutes < 60) return count(minutes, "minute");
  if (minutes < 24 * 60) return count(Math.floor(minutes / 60), "hour");
  return count(Math.floor(minutes / (24 * 60)), "day");
}

/** Slack's date markup: <!date^UNIX^{date_short} at {time}|fallback>; null when the time is no number. */
export function dateMarkup(unixSeconds, pattern) {
  const date = new Date(Number(unixSeconds) * 1000);
  if (!unixSeconds || Number.isNaN(date.getTime())) return null;
  const two = (number) => String(number).padStart(2, "0");
  const words = {
    date_num: () => `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`,
    date_slash: () => `${two(date.getMonth() + 1)}/${two(date.getDate())}/${date.getFullYear()}`,
    date: () => MEDIUM.format(date),
    date_pretty: () => pretty(date, MEDIUM.format(date)),
    date_short: () => SHORT.format(date),
    date_short_pretty: () => pretty(date, SHORT.format(date)),
    date_long: () => LONG.format(date),
    date_long_full: () => LONG.format(date),
    date_long_pretty: () => pretty(date, LONG.format(date)),
    day_divider_pretty: () => pretty(date, LONG.format(date)),
    time: () => TIME.format(date),
    time_secs: () => TIME_SECONDS.format(date),
    ago: () => ago(date),
  };
  return pattern.replace(/\{([a-z_]+)\}/g, (whole, word) => (Object.hasOwn(words, word) ? words[word]() : whole));
}

function pretty(date, otherwise) {
  const days = (startOfDay(new Date()) - startOfDay(date)) / 86_400_000;
  const near = { 0: "Today", 1: "Yesterday", "-1": "Tomorrow" };
  return near[Math.round(days)] ?? otherwise;
}

function startOfDay(date) {
  return new Date(date.getFullYear(), date.getMonth(), date.getDate());
}

function count(number, unit) {
  return `${number} ${unit}${number === 1 ? "" : "s"} ago`;
}
