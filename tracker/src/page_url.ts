// The address of the current page, and its referrer.
import { settings } from "./settings";

/** The fields of an event about its page. */
export const pageFields: { page_url?: string; referrer?: string } = {};

/** The page's address. If routes are in the fragment, the fragment becomes the path. */
export const address = (): string => {
  const [plain] = location.href.split("#");
  return settings.hash ? plain.replace(/\/?(\?|$)/, location.hash.replace(/^#?[!/]*/, "/") + "$1") : plain;
};
