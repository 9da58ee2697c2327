// Times and numbers as people read them. Pure: what time it is, is an argument.

import type { Language, Localized } from "./commands.gen";
import { say } from "./words.ts";

/** A day and minute, in this device's time zone. */
export function moment(seconds: number, language: Language, timeZone?: string): string {
  const options: Intl.DateTimeFormatOptions = { dateStyle: "medium", timeStyle: "short", ...(timeZone ? { timeZone } : {}) };
  return new Intl.DateTimeFormat(language === "zh" ? "zh-CN" : "en-GB", options).format(new Date(seconds * 1000));
}

/** A day, in this device's time zone. */
export function day(seconds: number, language: Language, timeZone?: string): string {
  const options: Intl.DateTimeFormatOptions = { dateStyle: "medium", ...(timeZone ? { timeZone } : {}) };
  return new Intl.DateTimeFormat(language === "zh" ? "zh-CN" : "en-GB", options).format(new Date(seconds * 1000));
}

/** A span of time in its largest whole unit. */
export function span(seconds: number): Localized {
  const whole = Math.max(0, Math.floor(seconds));
  if (whole < 90) return say.seconds(whole);
  if (whole < 90 * 60) return say.minutes(Math.round(whole / 60));
  if (whole < 36 * 3600) return say.hours(Math.round(whole / 3600));
  return say.days(Math.round(whole / 86400));
}

/** Minutes and seconds that are left, as a clock shows them. */
export function countdown(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}
