// All values of a panel's dimension: searched, sorted by any column, compared with the other period, and saved as a file.
import { useState } from "preact/hooks";
import { csvOf } from "./csv";
import { Rows } from "./dimension_rows";
import { Pages } from "./pages";
import { type Tab, ofTab } from "./panels";
import { comparisonOf, queryBase, reportBase } from "./requests";
import { t } from "./texts";
import { Dialog, ExportLinks } from "./ui";
import { useConnection, useQuery, useScreen } from "./use_api";

const ROWS = 100;

interface Order {
  readonly by: string;
  readonly descending: boolean;
}

export function Details({ tab, onClose }: { tab: Tab; onClose(): void }) {
  const { api } = useConnection();
  const view = ofTab(useScreen().view, tab);
  const [text, setText] = useState("");
  const [offset, setOffset] = useState(0);
  const [order, setOrder] = useState<Order>({ by: tab.metrics[0]!, descending: true });
  const query = {
    ...queryBase(view),
    filters: text ? [...view.filters, ["contains", tab.dimension, [text]]] : view.filters,
    metrics: [...tab.metrics, ...tab.more],
    dimensions: [tab.dimension],
    order_by: [[order.by, order.descending ? "desc" : "asc"]],
    include: comparisonOf(view),
  };
  const page = { ...query, pagination: { limit: ROWS, offset }, include: { ...query.include, total_rows: true } };
  const result = useQuery(page);
  const total = result.answer?.meta.total_rows ?? 0;
  const search = (event: Event) => {
    setText((event.currentTarget as HTMLInputElement).value);
    setOffset(0);
  };
  // Numbers begin with the most, names with the first of the alphabet; a second click turns the order.
  const sort = (by: string) => {
    setOrder({ by, descending: by === order.by ? !order.descending : by !== tab.dimension });
    setOffset(0);
  };
  const file = async () => {
    const { results } = await api.query(query, new AbortController().signal);
    const isCompared = "comparisons" in query.include;
    const header = [tab.dimension, ...query.metrics, ...(isCompared ? query.metrics.map((name) => `${name}_before`) : [])];
    return csvOf(header, results.map((row) => [...row.dimensions, ...row.metrics, ...(row.comparison?.metrics ?? [])]));
  };
  return (
    <Dialog title={tab.label} testid="details" wide onClose={onClose}>
      <label class="field">
        <span class="unseen">{t.panel.search}</span>
        <input type="search" placeholder={t.panel.search} value={text} onChange={search} />
      </label>
      <div class="scroll" tabIndex={0} role="region" aria-label={tab.label} aria-busy={result.loading}>
        <Rows result={result} empty={t.panel.nothingFound} sorting={{ ...order, onSort: sort }} onChosen={onClose} />
      </div>
      <footer>
        <Pages offset={offset} size={ROWS} isLast={offset + ROWS >= total} total={total} onMove={setOffset} />
        <span class="space" />
        <ExportLinks
          title={t.panel.allOf(tab.label)}
          report={`${tab.id}-details`}
          parameters={reportBase(view)}
          file={file}
          query={query}
          isAnswered={result.answer !== null}
        />
      </footer>
    </Dialog>
  );
}
