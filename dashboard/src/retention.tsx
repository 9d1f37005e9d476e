// Who came back, and how often visitors come at all.
import { sequenceBase, useReport, useScreen } from "./asking";
import { longTimeLabel, shown, timeLabel } from "./format";
import type { Records } from "./records";
import { Choice, ReportPanel } from "./report_panel";

const UNITS: Record<string, string> = { day: "By day", week: "By week", month: "By month" };
const MOST_COLUMNS = 12;
const MOST_VISITS = "10";

export function RetentionPanel() {
  const { view, choose } = useScreen();
  const start = ["12mo", "year", "all"].includes(view.period) ? "month" : "week";
  const unit = view.choices["retention"] || start;
  const parameters = { ...sequenceBase(view), unit };
  const asked = useReport("retention", parameters);
  return (
    <ReportPanel
      title="Retention"
      report="retention"
      parameters={parameters}
      asked={asked}
      width="wider"
      hidesOld
      controls={
        <Choice
          label="Retention by"
          chosen={unit}
          of={Object.entries(UNITS)}
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
    <div class="scroll" tabIndex={0} role="region" aria-label="Retention, in percent of those who first came then">
      <table class="grid">
        <thead>
          <tr>
            <th scope="col">First came</th>
            <th scope="col" class="number">
              Visitors
            </th>
            {columns.map((later) => (
              <th scope="col" key={later} class="number">
                {later === 0 ? <abbr title={`The ${unit} itself`}>0</abbr> : `+${later}`}
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
              <td class="number">{shown(records.number(rows[0]!, "size"), "count")}</td>
              {columns.map((later) => {
                const row = rows.find((one) => records.number(one, "units_later") === later);
                if (!row) return <td key={later} class="none" />;
                const percent = records.number(row, "percent") ?? 0;
                return (
                  <td key={later} title={`${shown(records.number(row, "reached"), "count")} visitors`}>
                    <span class="shade" style={{ opacity: (percent / 100) * 0.5 }} />
                    <data value={String(percent)}>{shown(Math.round(percent), "percent")}</data>
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
  const asked = useReport("frequency", parameters);
  return (
    <ReportPanel title="Visits per visitor" report="frequency" parameters={parameters} asked={asked} width="narrower">
      {(records) => {
        const most = Math.max(...records.rows.map((row) => records.number(row, "reached") ?? 0), 1);
        return (
          <table class="values">
            <thead>
              <tr>
                <th scope="col">Visits</th>
                <th scope="col" class="number">
                  Visitors
                </th>
                <th scope="col" class="number">
                  <abbr title="Share of visitors">%</abbr>
                </th>
              </tr>
            </thead>
            <tbody>
              {records.rows.map((row, index) => {
                const reached = records.number(row, "reached") ?? 0;
                const percent = records.number(row, "percent");
                return (
                  <tr key={index} data-testid="row">
                    <th scope="row">
                      <span class="bar" style={{ width: `${(reached / most) * 100}%` }} />
                      <span class="plain-value">
                        {records.text(row, "visits")}
                        {records.text(row, "visits") === MOST_VISITS && " or more"}
                      </span>
                    </th>
                    <td class="number">
                      <data value={String(reached)}>{shown(reached, "count")}</data>
                    </td>
                    <td class="number">
                      <data value={String(percent)}>{shown(percent, "percent")}</data>
                    </td>
                  </tr>
                );
              })}
            </tbody>
          </table>
        );
      }}
    </ReportPanel>
  );
}
