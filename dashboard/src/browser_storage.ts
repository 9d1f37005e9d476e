// What the browser stores: the key until the tab is closed, the theme and the language for good.

const KEY = "clickstream-key";
const THEME = "clickstream-theme";
const LANGUAGE = "clickstream-language";

/**
 * The key of the session, or of the share link. A key in the address (`#key=`) is stored and removed from the address.
 */
export function storedKey(): string | null {
  if (location.pathname.startsWith("/share/")) return decodeURIComponent(location.hash.slice(1)) || null;
  const keyInAddress = new URLSearchParams(location.hash.slice(1)).get("key");
  if (keyInAddress !== null) {
    storeKey(keyInAddress);
    history.replaceState(history.state, "", location.pathname + location.search);
  }
  return sessionStorage.getItem(KEY);
}

export function storeKey(key: string): void {
  if (!location.pathname.startsWith("/share/")) sessionStorage.setItem(KEY, key);
}

export function removeKey(): void {
  sessionStorage.removeItem(KEY);
}

/** The theme in the address (for pages that embed this one), else the stored one, else the system's. */
export function chosenTheme(location: { search: string }): string {
  const preference = new URLSearchParams(location.search).get("theme") ?? stored(THEME);
  const dark = preference === "dark" || (preference !== "light" && matchMedia("(prefers-color-scheme: dark)").matches);
  const theme = dark ? "dark" : "light";
  document.documentElement.dataset["theme"] = theme;
  return theme;
}

export function storeTheme(theme: string): void {
  document.documentElement.dataset["theme"] = theme;
  store(THEME, theme);
}

export function storeLanguage(language: string): void {
  store(LANGUAGE, language);
}

export function storedLanguage(): string | null {
  return stored(LANGUAGE);
}

function store(name: string, value: string): void {
  try {
    localStorage.setItem(name, value);
  } catch {
    // An embedded page may have no storage. Then the choice lasts as long as the page.
  }
}

function stored(name: string): string | null {
  try {
    return localStorage.getItem(name);
  } catch {
    return null;
  }
}
