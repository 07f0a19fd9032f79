/** A shorter text of which the same can be said, found by leaving parts out. */
export async function minimise(
  text: string,
  holds: (text: string) => Promise<boolean>,
): Promise<string> {
  let best = text
  for (let size = Math.ceil(best.length / 2); size >= 1; size = size === 1 ? 0 : size >> 1) {
    for (let at = 0; at < best.length;) {
      const shorter = best.slice(0, at) + best.slice(at + size)
      if (await holds(shorter)) best = shorter
      else at += size
    }
  }
  return best
}
