// What the consent screen makes of a request: which parts must be answered, and what a choice looks like to the wallet.

import type { ConsentView, QueryView, Selection } from "./commands.gen";

/** Whether a part of the request may be left out: it is only in combinations that are not required. */
export function isOptional(view: Pick<ConsentView, "sets">, question: string): boolean {
  const within = view.sets.filter((set) => set.options.some((option) => option.includes(question)));
  return within.length > 0 && within.every((set) => !set.required);
}

/** The parts that would be answered now, with the claims of the chosen credentials. */
export function answered(view: Pick<ConsentView, "questions">): QueryView[] {
  return view.questions.filter((question) => question.chosen.length > 0);
}

/** The present choice with another option of one set; `null` leaves an optional set out. */
export function chooseSet(view: ConsentView, set: number, option: number | null): Selection {
  const current = selection(view);
  return { ...current, sets: { ...current.sets, [set]: option } };
}

/** The present choice with another credential for one part. */
export function chooseCredential(view: ConsentView, question: string, credential: string): Selection {
  const current = selection(view);
  return { ...current, credentials: { ...current.credentials, [question]: [credential] } };
}

function selection(view: ConsentView): { credentials: Record<string, string[]>; sets: Record<string, number | null> } {
  return {
    credentials: Object.fromEntries(answered(view).map((question) => [question.id, question.chosen])),
    sets: Object.fromEntries(view.sets.map((set, number) => [number, set.chosen])),
  };
}
