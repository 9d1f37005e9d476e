// Small marks beside values: the flag of a country, the outline of a device, the letter of a source. Their text says the same, so they are not read out.
import type { IconName } from "./icons";
import { markOfSource } from "./source_marks";
import { Icon } from "./ui";

const DEVICES: Readonly<Record<string, IconName>> = { desktop: "desktop", mobile: "mobile", tablet: "tablet", tv: "tv" };
const FIRST_LETTER = "A".codePointAt(0)!;
const FIRST_INDICATOR = 0x1f1e6;

/** The flag of a two-letter code, as a text: systems without flags show its letters. Empty for anything else. */
export function flagOf(code: string): string {
  if (!/^[A-Z]{2}$/.test(code)) return "";
  return [...code].map((letter) => String.fromCodePoint(FIRST_INDICATOR + letter.codePointAt(0)! - FIRST_LETTER)).join("");
}

export function Mark({ dimension, value }: { dimension: string; value: string }) {
  const flag = dimension === "visit:country" ? flagOf(value) : "";
  if (flag) {
    return (
      <span class="flag" aria-hidden="true">
        {flag}
      </span>
    );
  }
  const source = dimension === "visit:source_name" ? markOfSource(value) : null;
  // The letter is drawn by the style sheet, so that it is no part of the text.
  if (source) return <span class="letter" aria-hidden="true" data-letter={source.letter} style={source.colour ? { background: source.colour } : {}} />;
  const icon = dimension === "visit:device" && Object.hasOwn(DEVICES, value) ? DEVICES[value] : undefined;
  return icon ? <Icon name={icon} /> : null;
}
