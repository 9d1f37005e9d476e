import { formatNumber } from "./format";
import { t } from "./texts";

/** Previous and next page of a long list. */
export function Pages(props: {
  offset: number;
  size: number;
  isLast: boolean;
  total?: number;
  onMove(offset: number): void;
}) {
  const { offset, size, isLast, total } = props;
  if (offset === 0 && isLast) return null;
  return (
    <nav class="pages" aria-label={t.panel.pagesOfList}>
      <button type="button" class="control" disabled={!offset} onClick={() => props.onMove(Math.max(0, offset - size))}>
        {t.panel.previous}
      </button>
      <span>
        {t.panel.range(
          formatNumber(offset + 1, "count"),
          formatNumber(Math.min(offset + size, total ?? Infinity), "count"),
          total === undefined ? null : formatNumber(total, "count"),
        )}
      </span>
      <button type="button" class="control" disabled={isLast} onClick={() => props.onMove(offset + size)}>
        {t.panel.next}
      </button>
    </nav>
  );
}
