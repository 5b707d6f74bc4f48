// Days and moments as the server writes them: in the same form, and by the household's clock.

const { lang, dataset } = document.documentElement;
const parts = new Intl.DateTimeFormat(lang, {
  timeZone: dataset.zone, year: "numeric", month: "long", day: "numeric", hour: "2-digit", minute: "2-digit", hourCycle: "h23",
});
const NAMES = { j: "day", F: "month", Y: "year", H: "hour", i: "minute" }; // the letters of the server's forms

function write(form, text) {
  const found = Object.fromEntries(parts.formatToParts(new Date(text)).map(({ type, value }) => [type, value]));
  return form.replace(/[jFYHi]/g, (letter) => found[NAMES[letter]]);
}

export const day = (text) => write(get_format("DATE_FORMAT"), text);
export const moment = (text) => write(get_format("DATETIME_FORMAT"), text);
