// What visitors do on a page without a line of code: outbound links, downloads, forms, and goals by attribute.
import { emit, type Properties } from "./event";
import { listen } from "./guard";
import { decorate } from "./linking";
import { measures } from "./settings";

const FILES = /\.(pdf|docx?|xlsx?|pptx?|csv|zip|gz|rar|7z|dmg|exe|apk|mp[34])$/i;

export function startClicks(): void {
  listen(document, "click", clicked);
  listen(document, "auxclick", clicked);
  listen(document, "submit", ({ target }) => {
    if (target.matches("[data-goal]")) reached(target);
    else if (measures("forms")) {
      // Attributes, for a field named "id" would stand in the form's place.
      emit("form_submit", { id: target.getAttribute("id"), action: target.getAttribute("action") });
    }
  });
}

function clicked({ target, button }: MouseEvent): void {
  if (button > 1) return;
  const element = target as Element;
  const goal = element.closest("[data-goal]:not(form)");
  if (goal) reached(goal);
  const link = element.closest<HTMLAnchorElement>("a[href]");
  if (!link) return;
  const url = link.href;
  decorate(link);
  if (FILES.test(link.pathname)) measures("downloads") && emit("file_download", { url });
  else if (link.host && link.host != location.host && measures("outbound")) emit("outbound_link", { url });
}

/** `data-goal="signup" data-goal-plan="pro"` is the event signup with the property plan. */
function reached(element: Element): void {
  if (!measures("goals")) return;
  const { goal, ...rest } = (element as HTMLElement).dataset;
  const properties: Properties = {};
  for (const name in rest) if (/^goal/.test(name)) properties[name.slice(4).toLowerCase()] = rest[name];
  emit(goal as string, properties);
}
