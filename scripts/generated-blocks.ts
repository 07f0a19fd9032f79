/** The part of a page that is written by a program. */
export interface GeneratedBlock {
  readonly name: string
  /** What stands there now, without the line breaks next to the markers. */
  readonly content: string
  /** Line of the opening marker, counted from 1. */
  readonly line: number
}

/**
 * The blocks of a page, in their order. An opening marker without a closing one has `content`
 * reaching to the end of the page, so that no text can equal it.
 */
export function findBlocks(text: string): GeneratedBlock[] {
  return [...text.matchAll(pattern())].map((match) => ({
    name: match[1] ?? '',
    content: (match[2] ?? '').trim(),
    line: text.slice(0, match.index).split('\n').length,
  }))
}

/** Writes every block anew; `render` gets a name and throws for one that it does not know. */
export function replaceBlocks(text: string, render: (name: string) => string): string {
  return text.replaceAll(
    pattern(),
    (_block, name: string) =>
      `<!-- generated:${name} -->\n\n${render(name).trim()}\n\n<!-- /generated -->`,
  )
}

/** Markers stand at the start of a line, so that prose may speak of them. */
function pattern(): RegExp {
  return /^<!-- generated:([\w-]+) -->$([^]*?)(?:^<!-- \/generated -->$|(?![^]))/gm
}
