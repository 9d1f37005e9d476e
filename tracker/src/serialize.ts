// JSON without the page's JSON object, which pages overwrite. All ASCII, so that the length is the size in bytes.

/** Throw RangeError for circular values. Values that JSON does not know become null. */
export const serialize = (value: any): string => {
  return typeof value == "string"
    ? `"${value.replace(/[^ !#-[\]-~]/g, (c: any) => "\\u" + (c.charCodeAt() + 0x10000).toString(16).slice(1))}"`
    : Array.isArray(value)
      ? `[${value.map(serialize)}]`
      : value === Object(value)
        ? value.toJSON
          ? serialize(value.toJSON())
          : `{${Object.entries(value).map((entry) => entry.map(serialize).join(":"))}}`
        : isFinite(value)
          ? "" + value
          : "null";
};
