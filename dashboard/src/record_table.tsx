// A table of records. On a phone each record is a list of its cells, each beside the name of its column.
import type { ComponentChildren } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";

export function RecordTable({ label, children }: { label: string; children: ComponentChildren }) {
  const table = useRef<HTMLTableElement>(null);
  // The style sheet shows the names, which only the cells can give it.
  useLayoutEffect(() => {
    const { tHead, tBodies } = table.current!;
    const names = [...tHead!.rows[0]!.cells].map((cell) => (cell.querySelector(".unseen") ? "" : (cell.textContent ?? "")));
    for (const { cells } of tBodies[0]!.rows) for (const [at, cell] of [...cells].entries()) cell.dataset["column"] = names[at] ?? "";
  });
  return (
    <div class="scroll" tabIndex={0} role="region" aria-label={label}>
      <table class="plain records" ref={table}>
        {children}
      </table>
    </div>
  );
}
