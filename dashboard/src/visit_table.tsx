// Visits, one row each: when and for how long, who by which device, from where, and which pages.
import type { Report } from "./api";
import { formatDuration, formatNumber, valueLabel } from "./format";
import { Mark } from "./marks";
import { Moment } from "./moment";
import { Records } from "./records";
import { t } from "./texts";
import { useScreen } from "./use_api";
import { choicesOfPerson } from "./view";

export function VisitTable({ report, onVisit }: { report: Report; onVisit(visit: string): void }) {
  const { view, go } = useScreen();
  const records = new Records(report);
  const { columns } = t.reports;
  const open = (person: string) => go({ page: "people", filters: [], choices: choicesOfPerson(view.choices, person) });
  return (
    <div class="scroll" tabIndex={0} role="region" aria-label={t.reports.rows}>
      <table class="plain visits">
        <thead>
          <tr>
            <th scope="col">{columns["visit"]}</th>
            <th scope="col">{columns["visitor"]}</th>
            <th scope="col" class="not-on-phones">
              {columns["source_name"]}
            </th>
            <th scope="col" class="not-on-phones">
              {t.panels.pages}
            </th>
            <th scope="col" class="number not-on-phones">
              {t.metrics.pageviews}
            </th>
            <th scope="col" class="number not-on-phones">
              {columns["events"]}
            </th>
          </tr>
        </thead>
        <tbody>
          {records.rows.map((row) => {
            const text = (name: string): string => records.text(row, name);
            // Unknown values are in brackets, such as (not set).
            const known = (name: string): string => (text(name).startsWith("(") ? "" : text(name));
            const [began, ended, user] = [text("began_at"), text("ended_at"), text("user_id")];
            const [entry, exit] = [text("entry_page"), text("exit_page")];
            return (
              <tr key={text("visit")} data-testid="row" data-value={text("visit")}>
                <td>
                  <Moment text={began} />
                  <span class="hint">
                    {began && ended && formatDuration((Date.parse(ended) - Date.parse(began)) / 1000)}{" "}
                    <button type="button" class="quiet" onClick={() => onVisit(text("visit"))}>
                      {t.reports.events}
                    </button>
                  </span>
                </td>
                <td>
                  {user ? (
                    <button type="button" class="name" onClick={() => open(user)}>
                      {user}
                    </button>
                  ) : (
                    <span class="id" title={text("visitor")}>
                      {text("visitor")}
                    </span>
                  )}
                  <span class="hint">
                    <Mark dimension="visit:device" value={text("device")} />
                    {[known("browser") || valueLabel("visit:device", text("device")), known("os")].filter(Boolean).join(", ")}{" "}
                    <Mark dimension="visit:country" value={text("country")} />
                    {known("country") && valueLabel("visit:country", text("country"))}
                  </span>
                  <span class="hint phone-only">{[text("source_name"), text("channel")].filter(Boolean).join(" · ")}</span>
                </td>
                <td class="not-on-phones">
                  {text("source_name")} <span class="hint">{text("channel")}</span>
                </td>
                <td class="not-on-phones">
                  {entry} {exit !== entry && <span class="hint">→ {exit}</span>}
                </td>
                <td class="number not-on-phones">{formatNumber(records.number(row, "pageviews"), "count")}</td>
                <td class="number not-on-phones">{formatNumber(records.number(row, "events"), "count")}</td>
              </tr>
            );
          })}
        </tbody>
      </table>
    </div>
  );
}
