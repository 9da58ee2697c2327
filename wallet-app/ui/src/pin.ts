// What a new PIN must be. The wallet decides its length; this tells people earlier, and turns away what anybody would try first.

/** Why a PIN is not taken, if it is not. */
export type PinFault = "short" | "simple" | "differs";

/** Whether every character is the same, or each follows the one before. */
function isSimple(pin: string): boolean {
  const codes = [...pin].map((letter) => letter.codePointAt(0) ?? 0);
  const steps = new Set(codes.slice(1).map((code, number) => code - (codes[number] ?? 0)));
  const [step] = steps;
  return steps.size === 1 && step !== undefined && Math.abs(step) <= 1;
}

/** What is wrong with a new PIN and its repetition. */
export function pinFault(pin: string, repeated: string, fewest: number): PinFault | null {
  if ([...pin].length < fewest) return "short";
  if (isSimple(pin)) return "simple";
  return pin === repeated ? null : "differs";
}
