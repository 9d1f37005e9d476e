// Nothing of ours is ever thrown into the page, and what can wait for the page does: most of the work is done when the
// page is idle, or as soon as anything happens that it is needed for.

/** The device's clock, whatever a page puts in its place later. */
export const now = Date.now;

let putOff: (() => void) | undefined;

/** The same action, which throws nothing and comes after what was put off. */
export function guard<A extends unknown[], R>(action: (...given: A) => R): (...given: A) => R | undefined {
  return (...given) => {
    try {
      begin();
      return action(...given);
    } catch {
      // What went wrong is ours alone.
    }
  };
}

/** Do it when the page is idle, or when anything happens before. */
export function later(work: () => void): void {
  putOff = guard(work);
  // Safari has no such call; there it is done once the script has run.
  (window.requestIdleCallback || setTimeout)(begin);
}

/** Do now what was put off, if it was not done. */
export function begin(): void {
  const work = putOff;
  putOff = undefined;
  work?.();
}

/** Hears what happens anywhere on the page before the page does. */
export function listen(type: string, handler: (event: any) => void): void {
  addEventListener(type, guard(handler), true);
}
