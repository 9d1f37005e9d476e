// The main chart: uPlot on a canvas. The keyboard moves over its points as over a slider, and a table has all of them.
import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import type { Annotation } from "./api";
import { formatNumber, formatTick, longTimeLabel, timeLabel } from "./format";
import type { Metric } from "./metrics";
import { t } from "./texts";

export interface ChartProps {
  readonly metric: Metric;
  readonly step: string;
  readonly labels: readonly string[];
  readonly values: readonly (number | null)[];
  /** One for each label: whether its time is not complete yet, or only in part within the period. */
  readonly partial: readonly boolean[];
  /** The moment up to which the values are complete, by the site's clock. */
  readonly until: string;
  readonly earlierLabels: readonly string[];
  readonly earlier: readonly (number | null)[] | null;
  readonly theme: string;
  /** What happened, by the index of the label in whose time it did. */
  readonly annotations: ReadonlyMap<number, readonly Annotation[]>;
  /** Shown beside the table. */
  readonly sources: ComponentChildren;
  /** A label was chosen, or two by dragging. */
  onPick(first: string, last: string): void;
}

/** Where the canvas draws its points, in pixels. */
interface Area {
  readonly left: number;
  readonly width: number;
}

const HEIGHT = 260;
const NARROW_HEIGHT = 200;
const NARROW = 560;
const LABEL_WIDTH = 64;

export function Chart(props: ChartProps) {
  const holder = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const pick = useRef(props.onPick);
  pick.current = props.onPick;
  const [at, setAt] = useState<number | null>(null);
  const [area, setArea] = useState<Area>({ left: 0, width: 0 });
  const content = JSON.stringify([props.labels, props.values, props.partial, props.earlier, props.metric.name, props.theme]);

  useEffect(() => {
    const element = holder.current!;
    const chart = draw(element, props, setAt, setArea, (first, last) => pick.current(first, last));
    plot.current = chart;
    const watching = new ResizeObserver(() => chart.setSize(sizeOf(element)));
    watching.observe(element);
    return () => {
      watching.disconnect();
      chart.destroy();
      setAt(null);
    };
  }, [content]);

  const last = props.labels.length - 1;
  const move = (index: number) => {
    const chart = plot.current!;
    chart.setCursor({ left: chart.valToPos(Math.max(0, Math.min(last, index)), "x"), top: 0 });
  };
  const keys = (event: KeyboardEvent) => {
    const here = at ?? last;
    const to = { ArrowLeft: here - 1, ArrowRight: here + 1, Home: 0, End: last }[event.key];
    if (to !== undefined) move(to);
    else if (event.key === "Enter" && at !== null) pick.current(props.labels[at]!, props.labels[at]!);
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
  // Before the next drawing, the cursor may be beyond the new end.
  const here = Math.min(at ?? last, last);
  return (
    <figure class="chart">
      <div
        class="plot"
        ref={holder}
        role="slider"
        tabIndex={0}
        aria-label={t.chart.point(props.metric.label)}
        aria-valuemin={0}
        aria-valuemax={Math.max(0, last)}
        aria-valuenow={Math.max(0, here)}
        aria-valuetext={last < 0 ? t.states.empty : spoken(props, here)}
        data-testid="chart"
        onKeyDown={keys}
        onBlur={() => plot.current?.setCursor({ left: -10, top: -10 })}
      />
      <Marks {...props} area={area} />
      {at !== null && at <= last && <Tip {...props} at={at} plot={plot.current!} />}
      <div class="below-chart">
        <details>
          <summary>{t.chart.table}</summary>
          <Points {...props} />
        </details>
        {props.sources}
      </div>
    </figure>
  );
}

/** A mark at each point with annotations. Its text is shown while it has the focus or the pointer over it. */
function Marks({ annotations, labels, area }: ChartProps & { area: Area }) {
  if (!annotations.size) return null;
  const points = Math.max(1, labels.length - 1);
  return (
    <ul class="annotations" aria-label={t.chart.annotations}>
      {[...annotations].map(([at, all]) => (
        <li key={labels[at]} class={at > points / 2 ? "left" : ""} style={{ insetInlineStart: `${area.left + (area.width * at) / points}px` }}>
          <button
            type="button"
            aria-label={all.map(({ at: moment, text }) => `${momentLabel(moment)}: ${text}`).join("; ")}
            data-testid="annotation"
            data-value={labels[at]}
          >
            <span class="said">
              {all.map(({ at: moment, text }, index) => (
                <span key={index}>
                  <span class="hint">{momentLabel(moment)}</span> {text}
                </span>
              ))}
            </span>
          </button>
        </li>
      ))}
    </ul>
  );
}

const momentLabel = (at: string): string => timeLabel("time:day", at) + (at.length > 10 ? `, ${timeLabel("time:minute", at)}` : "");

function Tip(props: ChartProps & { at: number; plot: uPlot }) {
  const { at, plot, metric, step } = props;
  const left = plot.valToPos(at, "x") + plot.over.offsetLeft;
  const side = left > plot.width / 2 ? "left" : "right";
  return (
    <div class={`tip ${side}`} style={{ insetInlineStart: `${left}px` }} aria-hidden="true">
      <p>
        <span>{pointLabel(props, at)}</span>
        <strong>{formatNumber(props.values[at], metric.unit)}</strong>
      </p>
      {props.earlier && props.earlierLabels[at] !== undefined && (
        <p class="earlier">
          <span>{longTimeLabel(step, props.earlierLabels[at]!)}</span>
          <strong>{formatNumber(props.earlier[at], metric.unit)}</strong>
        </p>
      )}
    </div>
  );
}

function Points({ labels, values, partial, until, earlier, earlierLabels, step, metric, annotations }: ChartProps) {
  return (
    <div class="scroll" tabIndex={0} role="region" aria-label={t.chart.asTable(metric.label)}>
      <table data-testid="chart-table">
        <thead>
          <tr>
            <th scope="col">{t.chart.time}</th>
            <th scope="col" class="number">
              {metric.label}
            </th>
            {earlier && <th scope="col">{t.chart.comparedWith}</th>}
            {earlier && (
              <th scope="col" class="number">
                {metric.label}
              </th>
            )}
          </tr>
        </thead>
        <tbody>
          {labels.map((label, index) => (
            <tr key={label}>
              <th scope="row" data-partial={partial[index] || undefined}>
                {pointLabel({ labels, partial, until, step }, index)}
                {annotations.get(index)?.map(({ text }, number) => (
                  <span class="hint" key={number}>
                    {" "}
                    {text}
                  </span>
                ))}
              </th>
              <td class="number">
                <data value={String(values[index] ?? "")}>{formatNumber(values[index], metric.unit)}</data>
              </td>
              {earlier && <td>{earlierLabels[index] && longTimeLabel(step, earlierLabels[index])}</td>}
              {earlier && <td class="number">{formatNumber(earlier[index], metric.unit)}</td>}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** The time of a point. One that is not complete also names the moment up to which it is counted. */
function pointLabel({ labels, partial, until, step }: Pick<ChartProps, "labels" | "partial" | "until" | "step">, at: number): string {
  const label = longTimeLabel(step, labels[at]!);
  if (!partial[at]) return label;
  const day = until.slice(0, 10) === labels[at]!.slice(0, 10);
  if (at < labels.length - 1 && !day) return t.chart.inPart(label);
  const time = timeLabel("time:minute", until);
  return t.chart.until(label, day ? time : `${timeLabel("time:day", until)}, ${time}`);
}

function spoken(props: ChartProps, at: number): string {
  const { values, earlier, metric, annotations } = props;
  const before = earlier ? t.chart.before(formatNumber(earlier[at], metric.unit)) : "";
  const happened = (annotations.get(at) ?? []).map(({ text }) => `. ${text}`).join("");
  return `${pointLabel(props, at)}: ${formatNumber(values[at], metric.unit)}${before}${happened}`;
}

function sizeOf(element: HTMLElement): { width: number; height: number } {
  const width = Math.max(200, element.clientWidth);
  return { width, height: width < NARROW ? NARROW_HEIGHT : HEIGHT };
}

function draw(
  element: HTMLElement,
  { labels, values, partial, earlier, step, metric }: ChartProps,
  onMove: (at: number | null) => void,
  onDrawn: (area: Area) => void,
  onPick: (first: string, last: string) => void,
): uPlot {
  const style = getComputedStyle(element);
  const colour = (name: string) => style.getPropertyValue(name).trim();
  const muted = colour("--chart-text");
  const font = `12px ${style.fontFamily}`;
  const count = labels.length;
  // One point makes no line.
  const points = { show: count < 2 || values.filter((value) => value !== null).length < 2, size: 6 };
  const pickAt = (from: number, to: number) => {
    const ends = [from, to].map((left) => Math.max(0, Math.min(count - 1, Math.round(chart.posToVal(left, "x")))));
    if (count) onPick(labels[ends[0]!]!, labels[ends[1]!]!);
  };
  const chart: uPlot = new uPlot(
    {
      ...sizeOf(element),
      padding: [12, 22, 0, 0],
      legend: { show: false },
      cursor: {
        y: false,
        // The line snaps to points.
        move: (self, left, top) => [left < 0 ? left : self.valToPos(self.posToIdx(left), "x"), top],
        // By itself uPlot stops clicks whose position differs from the snapped cursor's.
        drag: { x: true, y: false, setScale: false, click: () => {} },
        points: { size: 8, fill: (_, series) => (series === 1 ? colour("--earlier") : colour("--line")), width: 0 },
      },
      scales: {
        x: { time: false, range: [0, Math.max(1, count - 1)] },
        y: { range: (_, __, most) => [0, Math.max(metric.unit === "count" ? 4 : 1, (most ?? 0) * 1.08)] },
      },
      axes: [
        {
          stroke: muted,
          font,
          grid: { show: false },
          ticks: { show: false },
          size: 30,
          space: LABEL_WIDTH,
          incrs: [1, 2, 3, 4, 6, 7, 12, 14, 24, 28, 48, 56, 96, 168],
          values: (_, splits) =>
            splits.map((at) => (labels[at] === undefined ? "" : timeLabel(step, labels[at]))),
        },
        {
          stroke: muted,
          font,
          grid: { stroke: colour("--rule"), width: 1 },
          ticks: { show: false },
          size: metric.unit === "seconds" ? 62 : 48,
          space: 36,
          ...(metric.unit === "count" ? { incrs: WHOLE_STEPS } : {}),
          ...(metric.unit === "seconds" ? { incrs: CLOCK_STEPS } : {}),
          values: (_, splits) => splits.map((value) => formatTick(value, metric.unit)),
        },
      ],
      series: [
        {},
        { stroke: colour("--earlier"), width: 1.5, dash: [4, 4], points: { show: false }, spanGaps: false },
        { stroke: colour("--line"), width: 2, fill: colour("--area"), points },
        { stroke: colour("--line"), width: 2, dash: [2, 4], points, spanGaps: false },
      ],
      hooks: {
        draw: [({ over }) => onDrawn({ left: element.offsetLeft + over.offsetLeft, width: over.clientWidth })],
        setCursor: [(self) => onMove(self.cursor.idx ?? null)],
        setSelect: [
          (self) => {
            const { left, width } = self.select;
            self.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
            if (width > 8) pickAt(left, left + width);
          },
        ],
      },
    },
    [
      labels.map((_, index) => index),
      [...(earlier ?? labels.map(() => null))],
      values.map((value, index) => (partial[index] ? null : value)),
      // The dashed line is connected to the other at both ends.
      values.map((value, index) => (partial[index] || partial[index + 1] || partial[index - 1] ? value : null)),
    ] as uPlot.AlignedData,
    element,
  );
  let pressedAt = 0;
  chart.over.addEventListener("pointerdown", (event) => (pressedAt = event.clientX));
  chart.over.addEventListener("click", (event) => {
    if (Math.abs(event.clientX - pressedAt) < 4) pickAt(chart.cursor.left ?? 0, chart.cursor.left ?? 0);
  });
  return chart;
}

const WHOLE_STEPS = [1, 2, 5].flatMap((step) => Array.from({ length: 10 }, (_, power) => step * 10 ** power)).sort((a, b) => a - b);
const CLOCK_STEPS = [1, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200, 86400];
