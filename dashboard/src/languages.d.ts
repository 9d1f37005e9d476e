// Made by ../bundling.mjs of the files in languages/.
declare module "languages" {
  const languages: Readonly<Record<string, import("./languages/en").Texts>>;
  export default languages;
}
