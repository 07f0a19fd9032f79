/** Shorter ones are found in honest words: hiding them would make logs unreadable and hide nothing. */
const LENGTH_MIN = 6
const HIDDEN = '[secret]'

/** The secrets that this process has read, to keep them out of what it writes. */
export class SecretTexts {
  #texts: readonly string[] = []

  add(secret: string): void {
    if (secret.length < LENGTH_MIN) return
    // In a line of JSON a secret with quotes or line breaks is spelled differently.
    const spellings = [secret, JSON.stringify(secret).slice(1, -1)]
    const fresh = new Set(spellings.filter((text) => !this.#texts.includes(text)))
    if (fresh.size === 0) return
    // The longest first: a secret may be part of another.
    this.#texts = [...this.#texts, ...fresh].toSorted((a, b) => b.length - a.length)
  }

  /** The text without any secret. */
  readonly hide = (text: string): string => {
    let hidden = text
    for (const secret of this.#texts) {
      if (hidden.includes(secret)) hidden = hidden.replaceAll(secret, HIDDEN)
    }
    return hidden
  }
}
