// Paths: the next or previous steps of visits from a page or an event. A click on a node shows the steps after it.
import { useState } from "preact/hooks";
import { sequenceBase } from "./requests";
import { useReport, useScreen } from "./use_api";
import { formatNumber } from "./format";
import type { Records } from "./records";
import { Choice, ReportPanel } from "./report_panel";
import { t } from "./texts";

const LENGTH = 4;
const BRANCHES = 8;
const DIRECTIONS = { forward: t.paths.forward, backward: t.paths.backward };

interface Node {
  readonly name: string;
  readonly reached: number;
}

export function PathsPanel() {
  const { view, choose } = useScreen();
  const direction = view.choices["direction"] === "backward" ? "backward" : "forward";
  const start = view.choices["start"] ?? "";
  const parameters: Record<string, string> = {
    ...sequenceBase(view),
    direction,
    length: String(LENGTH),
    branches: String(BRANCHES),
    fold_repeats: "1",
    ...startOf(start),
  };
  const result = useReport("paths", parameters);
  return (
    <ReportPanel
      title={t.paths.title}
      report="paths"
      parameters={parameters}
      result={result}
      width="across"
      controls={
        <>
          <Choice
            label={t.paths.direction}
            chosen={direction}
            of={Object.entries(DIRECTIONS)}
            onChoose={(id) => choose("direction", id === "forward" ? "" : id)}
          />
          <label>
            <span class="unseen">{t.paths.startLabel}</span>
            <input
              class="control"
              placeholder={direction === "forward" ? t.paths.anyStart : t.paths.anyEnd}
              title={t.paths.startHint}
              value={start}
              onChange={(event) => choose("start", event.currentTarget.value.trim())}
            />
          </label>
        </>
      }
    >
      {(records) => <Columns key={JSON.stringify(parameters)} branches={branchesOf(records)} />}
    </ReportPanel>
  );
}

/** A text that begins with a slash is a page, any other an event. */
function startOf(text: string): Record<string, string> {
  if (!text) return {};
  return text.startsWith("/") ? { page: text } : { event: text };
}

type Branches = ReadonlyMap<string, readonly Node[]>;

/** The nodes after each path, by the path as JSON. */
function branchesOf(records: Records): Branches {
  const branches = new Map<string, Node[]>();
  for (const row of records.rows) {
    const path = records.texts(row, "path");
    const before = JSON.stringify(path.slice(0, -1));
    const node = { name: path.at(-1)!, reached: records.number(row, "reached") ?? 0 };
    branches.set(before, [...(branches.get(before) ?? []), node]);
  }
  // Nodes without a next step come last.
  for (const nodes of branches.values()) nodes.sort((one, other) => +hasNextStep(other.name) - +hasNextStep(one.name));
  return branches;
}

function Columns({ branches }: { branches: Branches }) {
  const [chosen, setChosen] = useState<readonly string[]>([]);
  const columns: { before: readonly string[]; nodes: readonly Node[]; at: string | undefined }[] = [];
  let before: readonly string[] = [];
  while (columns.length < LENGTH) {
    const nodes = branches.get(JSON.stringify(before));
    if (!nodes) break;
    // Without a choice, the most frequent node leads on.
    const named = chosen[before.length];
    const at = nodes.some(({ name }) => name === named) ? named : nodes.find(({ name }) => hasNextStep(name))?.name;
    columns.push({ before, nodes, at });
    if (at === undefined) break;
    before = [...before, at];
  }
  return (
    <div class="paths">
      {columns.map(({ before: path, nodes, at }, step) => {
        const most = Math.max(...nodes.map(({ reached }) => reached), 1);
        return (
          <ol key={step} aria-label={t.funnel.step(step + 1)}>
            {nodes.map(({ name, reached }) => {
              const { kind, label } = nodeLabel(name);
              return (
                <li key={name} data-testid="path" data-value={JSON.stringify([...path, name])}>
                  <button
                    type="button"
                    class={`node ${kind}`}
                    aria-pressed={name === at}
                    disabled={!hasNextStep(name) || step === LENGTH - 1}
                    title={label}
                    onClick={() => setChosen([...path, name])}
                  >
                    <span class="bar" style={{ inlineSize: `${(reached / most) * 100}%` }} />
                    <span class="name">{label}</span>
                    <data value={String(reached)}>{formatNumber(reached, "count")}</data>
                  </button>
                </li>
              );
            })}
          </ol>
        );
      })}
    </div>
  );
}

const hasNextStep = (name: string): boolean => name !== "other" && name !== "end";

/** The kind and the label of a node: `page /cart`, `event purchase`, `other` or `end`. */
function nodeLabel(name: string): { kind: string; label: string } {
  if (name === "other") return { kind: "rest", label: t.paths.other };
  if (name === "end") return { kind: "rest", label: t.paths.exit };
  const [kind = "", ...label] = name.split(" ");
  return { kind, label: label.join(" ") };
}
