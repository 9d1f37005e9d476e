// What the browser keeps: the key until the tab is closed, the colours for ever.

const KEY = "clickstream-key";
const THEME = "clickstream-theme";

/** The key of the session; of a share link, its own. */
export function keptKey(): string | null {
  if (location.pathname.startsWith("/share/")) return decodeURIComponent(location.hash.slice(1)) || null;
  return sessionStorage.getItem(KEY);
}

export function keepKey(key: string): void {
  if (!location.pathname.startsWith("/share/")) sessionStorage.setItem(KEY, key);
}

export function forgetKey(): void {
  sessionStorage.removeItem(KEY);
}

/** The colours of the address (for pages that embed this one), else those chosen before, else the system's. */
export function chosenTheme(location: { search: string }): string {
  const asked = new URLSearchParams(location.search).get("theme") ?? kept(THEME);
  const dark = asked === "dark" || (asked !== "light" && matchMedia("(prefers-color-scheme: dark)").matches);
  const theme = dark ? "dark" : "light";
  document.documentElement.dataset["theme"] = theme;
  return theme;
}

export function keepTheme(theme: string): void {
  document.documentElement.dataset["theme"] = theme;
  try {
    localStorage.setItem(THEME, theme);
  } catch {
    // A page that is embedded may have no storage; then it lasts as long as the page.
  }
}

function kept(name: string): string | null {
  try {
    return localStorage.getItem(name);
  } catch {
    return null;
  }
}
