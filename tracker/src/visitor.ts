// Who visits: an id, a visit of 30 minutes, a number for each event. Kept on the device only where consent allows.
import { mayKnow } from "./consent";
import { guard, now } from "./guard";
import { serialize } from "./serialize";
import { settings } from "./settings";
import { arrival, type Source } from "./source";
import { disk } from "./storage";

/** Kept as an array, whose order is its format. */
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
let inMemory: Visitor | undefined;

export function uuid(): string {
  return crypto.randomUUID?.() || "" + now() + Math.random();
}

/** The visitor, in a new visit where the last one is over. */
export function visitor(): Visitor {
  const at = now();
  const known = (mayKnow() && kept()) || inMemory || [uuid(), "", 0, 0, 0];
  if (at - known[3] > VISIT_MS) {
    known[1] = uuid();
    known[2]++;
    // A visit without a source of its own keeps that of the one before: a late purchase has its campaign.
    known[5] = arrival() || known[5];
  }
  known[3] = at;
  return (inMemory = known);
}

/** Keep what was changed of the visitor. */
export function save(): void {
  if (mayKnow()) keep(encodeURIComponent(serialize(inMemory)), YEAR_SECONDS);
}

export function forget(): void {
  inMemory = undefined;
  keep("", 0);
}

const kept = guard(
  (): Visitor =>
    JSON.parse(
      decodeURIComponent(
        settings.cookieDomain ? (document.cookie.match(/cs-visitor=([^;]*)/) as string[])[1] : disk[NAME],
      ),
    ),
);

function keep(text: string, seconds: number): void {
  if (settings.cookieDomain)
    document.cookie = `${NAME}=${text};domain=${settings.cookieDomain};path=/;max-age=${seconds};samesite=lax`;
  else if (text) disk[NAME] = text;
  else delete disk[NAME];
}
