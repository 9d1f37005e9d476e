// Marks of sources: the first letter of the name, for known sources on a colour of their own. They are not logos: those belong
// to their owners, and would have to be loaded. White letters have a contrast of at least 4.5 to 1 with each colour.

/** Names, as the list of known sources has them, by the hexadecimal number of their colour. */
const NAMES_BY_COLOUR: Readonly<Record<string, string>> = {
  "1a63c9": "Google|Gmail|Google Shopping|Google Display Network",
  "0b6a6e": "Bing|Microsoft Copilot",
  c2410c: "DuckDuckGo|Brave Search|Hacker News|Product Hunt|Etsy",
  "5b1fa8": "Yahoo!|Yahoo! Mail|Twitch",
  b91c1c: "Yandex|YouTube|Pinterest|Quora|Weibo",
  "2340b8": "Baidu|Discord|Mastodon",
  "2c6b2f": "Ecosia|WhatsApp|WeChat|LINE",
  "0d7a5f": "ChatGPT|Qwant|XING",
  b4532a: "Claude|Reddit|Stack Overflow",
  "4a56c9": "Gemini|Microsoft Teams",
  "1f6f78": "Perplexity|Naver",
  "1459b3": "Facebook|Messenger|LinkedIn|Meta AI|VK|Outlook",
  b0246f: "Instagram|Slack",
  "111111": "X|Threads|TikTok|GitHub|Medium|Grok|Snapchat",
  "0f6ca8": "Bluesky|Telegram|Vimeo",
  "8a5300": "Amazon|Mailchimp",
  "1d4ed8": "eBay|DeepSeek",
};

const COLOURS: ReadonlyMap<string, string> = new Map(
  Object.entries(NAMES_BY_COLOUR).flatMap(([colour, names]) => names.split("|").map((name) => [name, `#${colour}`] as const)),
);

export interface SourceMark {
  readonly letter: string;
  /** Null for a source that is not known. */
  readonly colour: string | null;
}

/** The mark of a source; null without one, such as for direct visits. */
export function markOfSource(name: string): SourceMark | null {
  const letter = /^[\p{L}\p{N}]/u.exec(name)?.[0];
  return letter ? { letter: letter.toUpperCase(), colour: COLOURS.get(name) ?? null } : null;
}

/** Every known source with its colour. */
export const KNOWN_SOURCES: Iterable<readonly [name: string, colour: string]> = COLOURS;
