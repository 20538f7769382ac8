// Storage that may not be there: frames and private windows throw on every access.

/** recall reads a value written by remember; null when there is none or no storage. */
export function recall<T>(key: string, where: "local" | "session" = "local"): T | null {
  try {
    const text = (where === "local" ? localStorage : sessionStorage).getItem(key);
    return text === null ? null : (JSON.parse(text) as T);
  } catch {
    return null;
  }
}

/** remember writes a value, or forgets it when it is null. Without storage it does nothing. */
export function remember(key: string, value: unknown, where: "local" | "session" = "local"): void {
  try {
    const store = where === "local" ? localStorage : sessionStorage;
    if (value === null) store.removeItem(key);
    else store.setItem(key, JSON.stringify(value));
  } catch {
    // Nothing depends on it: the page works on, it only forgets at reload.
  }
}
