// The course of a number, as a line without an axis.

export function Sparkline({ values }: { values: readonly (number | null)[] }) {
  const known = values.map((value) => value ?? 0);
  const most = Math.max(...known, 0);
  if (known.length < 2 || most === 0) return <svg class="sparkline" aria-hidden="true" />;
  const points = known.map((value, index) => `${((index / (known.length - 1)) * 100).toFixed(1)},${(21 - (value / most) * 20).toFixed(1)}`);
  return (
    <svg class="sparkline" viewBox="0 0 100 22" preserveAspectRatio="none" aria-hidden="true">
      <polyline points={points.join(" ")} />
    </svg>
  );
}
