/** Dates and times of OpenAPI. Source: kube-openapi pkg/validation/strfmt/{date,time}.go. */

/** `2006-01-02`, a day that there is. */
export function isDate(text: string): boolean {
  const parts = /^(\d{4})-(\d\d)-(\d\d)$/.exec(text);
  if (parts === null) return false;
  const [year, month, day] = parts.slice(1).map(Number) as [number, number, number];
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  return month >= 1 && date.getUTCMonth() === month - 1 && date.getUTCDate() === day;
}

const TIME = /^(\d\d):(\d\d):(\d\d)(?:.\d+)?(?:z|[+-]\d\d:\d\d)$/;

/** A date and a time with its zone. */
export function isDateTime(text: string): boolean {
  const [date = '', time] = text.toLowerCase().split('t');
  const parts = time === undefined ? null : TIME.exec(time);
  return parts !== null && isDate(date) && parts[1]! <= '23' && parts[2]! <= '59' && parts[3]! <= '59';
}
