// A text of the catalogue with elements in the places of its words in braces.
import type { ComponentChildren } from "preact";

export function Filled({ text, parts }: { text: string; parts: Readonly<Record<string, ComponentChildren>> }) {
  return <>{text.split(/\{(\w+)\}/).map((piece, at) => (at % 2 ? parts[piece] : piece))}</>;
}
