// The name above a chat line.
import { t } from "./i18n";
import type { ChatLine } from "./protocol";

/** nickOf says the server's own "Guest 71XG" in the reader's language; chosen names stay as they are. */
export function nickOf(line: Pick<ChatLine, "from" | "nick">): string {
  if (line.from !== "viewer") return line.nick;
  return line.nick.replace(/^Guest(?= [0-9A-Z]{4}$)/, t("ui.guest")) || t("ui.guest");
}
