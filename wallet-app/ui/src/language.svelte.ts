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
