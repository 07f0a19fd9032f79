/** A line that is longer is answered with an error, and not kept. */
export const LINE_BYTES_MAX = 1024 * 1024

/** The lines of a stream of bytes, without empty ones; null stands for one that is too long. */
export async function* readLines(
  input: AsyncIterable<Uint8Array | string>,
  bytesMax = LINE_BYTES_MAX,
): AsyncGenerator<string | null> {
  let pieces: Buffer[] = []
  let bytes = 0
  const take = (): string | null => {
    const line = bytes > bytesMax ? null : Buffer.concat(pieces).toString().replace(/\r$/, '')
    pieces = []
    bytes = 0
    return line
  }
  for await (const chunk of input) {
    let rest = Buffer.from(chunk as Uint8Array)
    for (let end = rest.indexOf(NEWLINE); end !== -1; end = rest.indexOf(NEWLINE)) {
      add(rest.subarray(0, end))
      rest = rest.subarray(end + 1)
      const line = take()
      if (line === null || line.trim() !== '') yield line
    }
    add(rest)
  }
  if (bytes > 0) {
    const line = take()
    if (line === null || line.trim() !== '') yield line
  }

  function add(piece: Buffer): void {
    bytes += piece.length
    if (bytes <= bytesMax) pieces.push(piece)
    else pieces = []
  }
}

const NEWLINE = 0x0a
