// Nothing of ours is ever thrown into the page.

export function guard<A extends unknown[], R>(action: (...given: A) => R): (...given: A) => R | undefined {
  return (...given) => {
    try {
      return action(...given);
    } catch {
      // What went wrong is ours alone.
    }
  };
}

/** Hears what happens anywhere on the page before the page does. */
export function listen(type: string, handler: (event: any) => void): void {
  addEventListener(type, guard(handler), true);
}
