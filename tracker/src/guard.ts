// No error reaches the page, and the page comes first: most of the start is done when the page is idle, or as soon as an
// event needs it.

/** The device's clock, even if the page replaces Date later. */
export const now = Date.now;

let deferred: (() => void) | null | undefined;

/** The action, which does the deferred work first and throws nothing. */
export const guard = <A extends unknown[], R>(action: (...args: A) => R): (...args: A) => R | undefined => {
  return (...args) => {
    try {
      begin();
      return action(...args);
    } catch {
      // The page must not notice.
    }
  };
};

/** Defer the work until the page is idle or something happens. */
export const later = (work: () => void): void => {
  deferred = guard(work);
  // Safari has no requestIdleCallback. There the work is done once the script has run.
  (window.requestIdleCallback || setTimeout)(begin);
};

/** Do the deferred work, if there is any. */
export const begin = (): void => {
  const work = deferred;
  deferred = null;
  work?.();
};

/** Handle events anywhere on the page, before the page's own handlers. */
export const listen = (type: string, handler: (event: any) => void): void => {
  addEventListener(type, guard(handler), true);
};
