// A map of the countries, whose outlines are loaded when it is shown. Its numbers are in the table below it, too.
import { useEffect, useState } from "preact/hooks";
import type { Answer } from "./api";
import { formatNumber, valueLabel } from "./format";
import { metricOf } from "./metrics";
import { useFilterBy } from "./dimension_rows";
import { t } from "./texts";
import { useScreen } from "./use_api";

type Outlines = Readonly<Record<string, string>>;

const COUNTRY = "visit:country";
/** Five shades, from light to full, by the root of the part of the most, so that small countries differ, too. */
const SHADES = [0.2, 0.4, 0.6, 0.8, 1];

export function WorldMap({ answer }: { answer: Answer }) {
  const { alert } = useScreen();
  const filterBy = useFilterBy();
  const [outlines, setOutlines] = useState<Outlines>({});
  useEffect(() => {
    import("./world.json").then(
      ({ default: loaded }) => setOutlines(loaded),
      () => alert(t.panel.noMap),
    );
  }, []);
  const metric = metricOf(answer.query.metrics[0]!);
  const numbers = new Map(answer.results.map(({ dimensions: [code = ""], metrics }) => [code, metrics[0] ?? 0]));
  const most = Math.max(1, ...[...numbers].map(([code, number]) => (Object.hasOwn(outlines, code) ? number : 0)));
  return (
    <svg class="world" viewBox="80 0 560 290" role="img" aria-label={t.panel.map(metric.label)} data-testid="map">
      {Object.entries(outlines).map(([code, path]) => {
        const number = numbers.get(code) ?? 0;
        const shade = SHADES.find((one) => Math.sqrt(number / most) <= one) ?? 1;
        return (
          <path
            key={code}
            d={path}
            data-value={code}
            {...(number ? { style: { fillOpacity: 0.2 + 0.8 * shade }, class: "known", onClick: (event: MouseEvent) => filterBy(COUNTRY, code, event) } : {})}
          >
            <title>{`${valueLabel(COUNTRY, code)}: ${formatNumber(number, metric.unit)}`}</title>
          </path>
        );
      })}
    </svg>
  );
}
