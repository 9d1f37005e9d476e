// The texts of the page, in the language of the address, else the stored one, else the browser's.
import languages from "languages";
import { storedLanguage } from "./browser_storage";

export interface Choice {
  /** The name of a file in languages/. */
  readonly language: string;
  /** The form of its numbers and dates: that of the browser's preference if it has the same language. */
  readonly locale: string;
}

/** The first preference that is available, by its language. `preferences` are tags such as `de-AT`, the best first. */
export function chosenLanguage(preferences: readonly (string | null | undefined)[]): Choice {
  const tags = preferences.flatMap((tag) => (tag && isTag(tag) ? [tag] : []));
  const languageOf = (tag: string): string => tag.split("-")[0]!;
  const language = tags.map(languageOf).find((one) => Object.hasOwn(languages, one)) ?? "en";
  const exact = tags.find((tag) => languageOf(tag) === language && tag.includes("-"));
  return { language, locale: exact ?? languages[language]!.locale };
}

function isTag(tag: string): boolean {
  try {
    return Intl.NumberFormat.supportedLocalesOf(tag).length > 0;
  } catch {
    return false;
  }
}

export const LANGUAGE_PARAMETER = "language";
const inAddress = new URLSearchParams(globalThis.location?.search).get(LANGUAGE_PARAMETER);
export const { language: LANGUAGE, locale: LOCALE } = chosenLanguage([inAddress, storedLanguage(), ...(globalThis.navigator?.languages ?? [])]);
export const t = languages[LANGUAGE]!;

/** The available languages, each by its own name. */
export const LANGUAGES: readonly (readonly [language: string, name: string])[] = Object.entries(languages).map(
  ([language, { name }]) => [language, name] as const,
);

/** The fields of a person, each with a label. */
export type Person = typeof t.people.fields;
