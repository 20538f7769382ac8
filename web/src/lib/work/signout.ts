// Leaving studio or desk for good.

import { t } from "../i18n";
import { toast } from "../ui";

/** Ends the session on the server, then shows the sign-in page. */
export async function signOut(): Promise<void> {
  try {
    const res = await fetch("/api/signout", { method: "POST" });
    if (!res.ok && res.status !== 401) throw new Error(String(res.status));
    location.assign("/signin");
  } catch {
    // Still signed in: saying otherwise on a shared machine would be a lie.
    toast(t("work.sign_out_failed"), "bad");
  }
}
