// JSON by our own hand: pages overwrite JSON and give arrays a toJSON. All ASCII, so its length is its size in bytes.

/** Raise RangeError for what holds itself. What JSON has no word for is null. */
export function serialize(value: any): string {
  return typeof value == "string"
    ? `"${value.replace(/[^ !#-[\]-~]/g, (c) => "\\u" + (c.charCodeAt(0) + 0x10000).toString(16).slice(1))}"`
    : Array.isArray(value)
      ? `[${value.map(serialize)}]`
      : value === Object(value)
        ? value.toJSON
          ? serialize(value.toJSON())
          : `{${Object.keys(value).map((name) => serialize(name) + ":" + serialize(value[name]))}}`
        : isFinite(value)
          ? "" + value
          : "null";
}
