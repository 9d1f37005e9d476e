// The exports, imports and mails of the site: status, runs, and the buttons that run, stop and resume them.
import { useState } from "preact/hooks";
import { AdminKeyDialog, REFUSED } from "./admin_key";
import type { Action, EndedRun, Job } from "./api";
import { Problem } from "./api";
import { Filled } from "./filled";
import { formatBytes, formatNumber, sentence } from "./format";
import { worded } from "./metrics";
import { Moment } from "./moment";
import { RecordTable } from "./record_table";
import { t } from "./texts";
import { Dialog, PanelState } from "./ui";
import { useConnection, useRequest, useScreen } from "./use_api";

const RUNS = 50;

export function JobsPage() {
  const { view, alert, announce } = useScreen();
  const { api, adminKey, setAdminKey } = useConnection();
  const [round, setRound] = useState(0);
  const [waiting, setWaiting] = useState<{ job: string; action: Action } | null>(null);
  const [history, setHistory] = useState<string | null>(null);
  const result = useRequest(JSON.stringify(["jobs", view.site, round]), (one, signal) => one.jobs(view.site, signal));
  const act = async (job: string, action: Action, key: string | null) => {
    if (key === null) return setWaiting({ job, action });
    setWaiting(null);
    try {
      await api.changeJob(view.site, job, action, key);
      setAdminKey(key);
      announce(t.jobs.asked[action]);
    } catch (error) {
      if (error instanceof Problem && REFUSED.includes(error.status)) setAdminKey(null);
      alert(sentence(error instanceof Error ? error.message : String(error)));
    }
    setRound((count) => count + 1);
  };
  return (
    <section class="card report" aria-label={t.pages.jobs} aria-busy={result.loading} data-testid="report-jobs">
      <header>
        <div>
          <h2>{t.pages.jobs}</h2>
          <p>{t.explanations.jobs}</p>
        </div>
      </header>
      {result.answer?.length ? (
        <ul class="jobs">
          {result.answer.map((job) => (
            <JobItem key={job.name} job={job} onAction={(action) => void act(job.name, action, adminKey)} onHistory={() => setHistory(job.name)} />
          ))}
        </ul>
      ) : (
        <PanelState result={result} empty={t.jobs.none} />
      )}
      {waiting && <AdminKeyDialog onKey={(key) => void act(waiting.job, waiting.action, key)} onClose={() => setWaiting(null)} />}
      {history !== null && <History job={history} onClose={() => setHistory(null)} />}
    </section>
  );
}

/** The actions that a job's status leaves. */
export function actionsOf({ status }: Job): readonly Action[] {
  if (status === "running") return ["stop"];
  if (status === "stopped" || status === "failed") return ["run", "resume"];
  return status === "active" ? ["run", "stop"] : ["run"];
}

/** What a job does, in words. */
export function kindOf({ kind }: Job): string {
  const kinds: Readonly<Record<string, string>> = t.jobs.kinds;
  return kinds[kind] ?? kinds[kind.split("-", 1)[0] ?? ""] ?? worded(kind);
}

function JobItem({ job, onAction, onHistory }: { job: Job; onAction(action: Action): void; onHistory(): void }) {
  const { run, last_run: last } = job;
  const [next] = job.next_runs;
  return (
    <li data-testid="row" data-value={job.name} data-status={job.status}>
      <div class="job-head">
        <h3>{job.name}</h3>
        <span class={`verdict ${job.status}`}>{t.jobs.status[job.status]}</span>
        <span class="hint">{kindOf(job)}</span>
        <span class="space" />
        {actionsOf(job).map((action) => (
          <button type="button" class="control" key={action} aria-label={t.jobs.does(t.jobs[action], job.name)} onClick={() => onAction(action)}>
            {t.jobs[action]}
          </button>
        ))}
        <button type="button" class="quiet" aria-label={t.jobs.historyOf(job.name)} onClick={onHistory}>
          {t.jobs.history}
        </button>
      </div>
      {job.description && <p>{job.description}</p>}
      {job.reason && last?.outcome !== "failed" && <p class="problem">{sentence(job.reason)}</p>}
      <dl class="facts">
        {run ? (
          <div>
            <dt>{t.jobs.underWay}</dt>
            <dd>
              <Filled text={t.jobs.since} parts={{ moment: <Moment text={run.started_at} /> }} /> <Counts counts={run.counts} />
            </dd>
          </div>
        ) : (
          <div>
            <dt>{t.jobs.next}</dt>
            <dd>{next ? <Moment text={next} /> : t.jobs.noNext}</dd>
          </div>
        )}
        <div>
          <dt>{t.jobs.last}</dt>
          <dd>
            {last ? (
              <>
                <span class={`verdict ${last.outcome}`}>{t.jobs.outcomes[last.outcome]}</span> <Moment text={last.ended_at} /> <Counts counts={last.counts} />
              </>
            ) : (
              t.jobs.noLast
            )}
          </dd>
        </div>
        {last?.outcome === "failed" && (
          <div class="wide">
            <dt>{t.jobs.toDo}</dt>
            <dd>
              {last.message && sentence(last.message)} {last.actor && t.jobs.actors[last.actor]}
            </dd>
          </div>
        )}
      </dl>
    </li>
  );
}

/** Rows, bytes and files of a run. */
function Counts({ counts }: { counts: Readonly<Record<string, number>> }) {
  const names: Readonly<Record<string, string>> = t.jobs.counts;
  return (
    <span class="hint">
      {Object.entries(counts)
        .filter(([name, count]) => count > 0 || name === "rows")
        .map(([name, count]) => (name === "bytes" ? formatBytes(count) : `${formatNumber(count, "count")} ${names[name] ?? worded(name)}`))
        .join(" · ")}
    </span>
  );
}

function History({ job, onClose }: { job: string; onClose(): void }) {
  const { view } = useScreen();
  const result = useRequest(JSON.stringify(["runs", view.site, job]), (api, signal) => api.jobRuns(view.site, job, RUNS, signal));
  const { columns } = t.jobs;
  return (
    <Dialog title={t.jobs.historyOf(job)} testid="job-runs" wide onClose={onClose}>
      {result.answer?.length ? (
        <RecordTable label={t.reports.rows}>
          <thead>
            <tr>
              <th scope="col">{columns.due}</th>
              <th scope="col">{columns.ended}</th>
              <th scope="col">{columns.outcome}</th>
              <th scope="col" class="number">{columns.rows}</th>
              <th scope="col" class="number">{columns.bytes}</th>
              <th scope="col" class="number">{columns.files}</th>
              <th scope="col">{columns.reason}</th>
            </tr>
          </thead>
          <tbody>
            {result.answer.map((run) => (
              <RunRow key={run.id} run={run} />
            ))}
          </tbody>
        </RecordTable>
      ) : (
        <PanelState result={result} empty={t.jobs.noRuns} />
      )}
    </Dialog>
  );
}

function RunRow({ run }: { run: EndedRun }) {
  const { rows, bytes, files } = run.counts;
  return (
    <tr data-testid="row">
      <td>
        <Moment text={run.due_at} />
      </td>
      <td>
        <Moment text={run.ended_at} />
      </td>
      <td class={`verdict ${run.outcome}`}>{t.jobs.outcomes[run.outcome]}</td>
      <td class="number">{formatNumber(rows, "count")}</td>
      <td class="number">{bytes === undefined ? "" : formatBytes(bytes)}</td>
      <td class="number">{formatNumber(files, "count")}</td>
      <td class="long">
        {run.message && sentence(run.message)} {run.actor && t.jobs.actors[run.actor]}
      </td>
    </tr>
  );
}
