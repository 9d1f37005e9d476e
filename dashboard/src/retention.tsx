// Retention: how many visitors came back, and how often.
import { sequenceBase } from "./requests";
import { useReport, useScreen } from "./use_api";
import { formatNumber, formatWholePercent, longTimeLabel, timeLabel } from "./format";
import type { Records } from "./records";
import { Choice, ReportPanel } from "./report_panel";
import { t } from "./texts";
import { ValueTable } from "./value_table";

const MOST_COLUMNS = 12;
const MOST_VISITS = "10";
const COLUMNS = [{ label: t.metrics.visitors }, { label: t.metrics.percentage, heading: t.headings.percentage }];

export function RetentionPanel() {
  const { view, choose } = useScreen();
  const start = ["12mo", "year", "all"].includes(view.period) ? "month" : "week";
  const unit = view.choices["retention"] || start;
  const parameters = { ...sequenceBase(view), unit };
  const result = useReport("retention", parameters);
  return (
    <ReportPanel
      title={t.retention.title}
      report="retention"
      parameters={parameters}
      result={result}
      width="wider"
      hidesOld
      controls={
        <Choice
          label={t.retention.by}
          chosen={unit}
          of={Object.entries(t.retention.units)}
          onChoose={(id) => choose("retention", id)}
        />
      }
    >
      {(records) => <Grid records={records} unit={unit} />}
    </ReportPanel>
  );
}

function Grid({ records, unit }: { records: Records; unit: string }) {
  const cohorts = Map.groupBy(records.rows, (row) => records.text(row, "cohort"));
  const most = Math.max(...records.rows.map((row) => records.number(row, "units_later") ?? 0));
  const columns = Array.from({ length: Math.min(most + 1, MOST_COLUMNS) }, (_, later) => later);
  return (
    <div class="scroll" tabIndex={0} role="region" aria-label={t.retention.region}>
      <table class="grid">
        <thead>
          <tr>
            <th scope="col">{t.retention.firstVisit}</th>
            <th scope="col" class="number">
              {t.metrics.visitors}
            </th>
            {columns.map((later) => (
              <th scope="col" key={later} class="number">
                {later === 0 ? <abbr title={t.retention.itself[unit as keyof typeof t.retention.itself]}>0</abbr> : `+${later}`}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {[...cohorts].map(([cohort, rows]) => (
            <tr key={cohort} data-testid="cohort" data-value={cohort}>
              <th scope="row" title={longTimeLabel(`time:${unit}`, cohort)}>
                {timeLabel(`time:${unit}`, cohort)}
              </th>
              <td class="number">{formatNumber(records.number(rows[0]!, "size"), "count")}</td>
              {columns.map((later) => {
                const row = rows.find((one) => records.number(one, "units_later") === later);
                if (!row) return <td key={later} class="none" />;
                const percent = records.number(row, "percent") ?? 0;
                return (
                  <td key={later} title={t.retention.visitors(formatNumber(records.number(row, "reached"), "count"))}>
                    <span class="shade" style={{ opacity: (percent / 100) * 0.5 }} />
                    <data value={String(percent)}>{formatWholePercent(percent)}</data>
                  </td>
                );
              })}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

export function FrequencyPanel() {
  const { view } = useScreen();
  const parameters = sequenceBase(view);
  const result = useReport("frequency", parameters);
  return (
    <ReportPanel title={t.retention.frequency} report="frequency" parameters={parameters} result={result} width="narrower">
      {(records) => {
        const rows = records.rows.map((row) => {
          const visits = records.text(row, "visits");
          const reached = records.number(row, "reached") ?? 0;
          const percent = records.number(row, "percent");
          const cells = [
            <data value={String(reached)}>{formatNumber(reached, "count")}</data>,
            <data value={String(percent)}>{formatNumber(percent, "percent")}</data>,
          ];
          return { value: visits, label: visits === MOST_VISITS ? t.retention.orMore(visits) : visits, size: reached, cells };
        });
        return <ValueTable heading={t.metrics.visits} columns={COLUMNS} rows={rows} />;
      }}
    </ReportPanel>
  );
}
