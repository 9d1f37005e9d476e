// A moment in the site's time zone, or a dash for none.
import { NOTHING, formatMoment } from "./format";
import { useScreen } from "./use_api";

export function Moment({ text }: { text: string | null | undefined }) {
  const { site } = useScreen();
  return text ? <time dateTime={text}>{formatMoment(text, site.time_zone)}</time> : <span class="nothing">{NOTHING}</span>;
}
