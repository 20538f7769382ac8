// Made by build.mjs from web/locale: one face's words in one language.
declare module "locale:*" {
  const words: Record<string, string>;
  export default words;
}
declare module "*.css";
