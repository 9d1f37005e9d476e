// The keyboard shortcuts, and what clicks do.
import { SHORTCUTS } from "./shortcuts";
import { Dialog } from "./ui";

export function Help({ onClose }: { onClose(): void }) {
  return (
    <Dialog title="Keyboard shortcuts" testid="help-dialog" onClose={onClose}>
      <dl class="keys">
        {SHORTCUTS.map(([key, label]) => (
          <div key={key}>
            <dt>
              <kbd>{key}</kbd>
            </dt>
            <dd>{label}</dd>
          </div>
        ))}
      </dl>
      <p>
        Click a value to filter by it. <kbd>Shift</kbd>-click excludes it,{" "}
        <kbd>Ctrl</kbd>-click adds it to the values before. Click a point of the chart, or drag over it, to show
        that time. While the chart has the focus, the arrow keys move from point to point.
      </p>
    </Dialog>
  );
}
