// The visitor: an id, visits with a timeout of 30 minutes, and a number for each event. Stored only with consent.
import { mayKnow } from "./consent";
import { guard, now } from "./guard";
import { serialize } from "./serialize";
import { settings } from "./settings";
import { arrival, type Source } from "./source";
import { disk } from "./storage";

/** The positions in a visitor. */
export const enum At {
  Id,
  Session,
  Index,
  SeenAt,
  Sequence,
  Source,
  User,
}

/** Stored as an array. Its order is its format. */
type Visitor = [
  id: string,
  session: string,
  index: number,
  seenAt: number,
  sequence: number,
  source?: Source | null,
  user?: string | null,
];

const NAME = "cs-visitor";
const VISIT_MS = 1_800_000;
const YEAR_SECONDS = 31_536_000;
let inMemory: Visitor | null | undefined;

export const uuid = (): string => {
  return crypto.randomUUID?.() || "" + now() + Math.random();
};

/**
 * The visitor. A visit ends after half an hour without an event or reading; `readMs` is the reading time until now. Only
 * an act begins another visit.
 */
export const visitor = (isAct?: boolean, readMs = 0): Visitor => {
  const at = now();
  inMemory = (mayKnow() && storedVisitor()) || inMemory || [uuid(), "", 0, 0, 0];
  if (at - inMemory[At.SeenAt] - readMs > VISIT_MS) {
    if (inMemory[At.Index] && !isAct) return inMemory;
    inMemory[At.Session] = uuid();
    inMemory[At.Index]++;
    // A visit without a source inherits the previous one, so that a late purchase has its campaign.
    inMemory[At.Source] = arrival() || inMemory[At.Source];
  }
  inMemory[At.SeenAt] = at;
  return inMemory;
};

/** Store the visitor after a change. */
export const save = (): void => {
  if (mayKnow()) keep(encodeURIComponent(serialize(inMemory)), YEAR_SECONDS);
};

export const forget = (): void => {
  inMemory = null;
  keep("", 0);
};

const storedVisitor = guard(
  (): Visitor =>
    JSON.parse(
      decodeURIComponent(
        settings.cookieDomain ? (document.cookie.match(/cs-visitor=([^;]*)/) as string[])[1] : disk[NAME],
      ),
    ),
);

const keep = (text: string, seconds: number): void => {
  if (settings.cookieDomain)
    document.cookie = `${NAME}=${text};domain=${settings.cookieDomain};path=/;max-age=${seconds};samesite=lax`;
  else if (text) disk[NAME] = text;
  else delete disk[NAME];
};
