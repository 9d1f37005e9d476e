// Nothing of ours is ever thrown into the page.

export function guard<A extends unknown[], R>(action: (...given: A) => R): (...given: A) => R | undefined {
  return (...given) => {
    try {
      return action(...given);
    } catch {
      return undefined;
    }
  };
}

export function listen(target: EventTarget, type: string, handler: (event: any) => void): void {
  target.addEventListener(type, guard(handler), true);
}
