// The language that is spoken. Core and dictionary give every text in both, so changing it changes every screen at once.

import type { Language, Localized } from "./commands.gen";

const state = $state<{ language: Language }>({ language: "zh" });

export function language(): Language {
  return state.language;
}

export function speak(language: Language): void {
  state.language = language;
  document.documentElement.lang = language === "zh" ? "zh-CN" : "en";
}

/** A text in the language that is spoken. */
export function of(text: Localized): string {
  return text[state.language];
}

/** Sentences one after the other: Chinese has no space between them. */
export function sentences(...all: string[]): string {
  return all.filter(Boolean).join(state.language === "zh" ? "" : " ");
}

/** What is written in Latin letters alone; an address, a number or a key has others, and is of no language. */
const LATIN = /^[\p{Script=Latin}\p{M}'’.,\s-]{2,}$/u;

/** The `lang` of a text that came from elsewhere, where it is not in the language that is spoken (WCAG 3.1.2). */
export function langOf(text: string, spoken: Language = state.language): string | undefined {
  if (/\p{Script=Han}/u.test(text)) return spoken === "zh" ? undefined : "zh-CN";
  return spoken === "zh" && LATIN.test(text) ? "en" : undefined;
}
