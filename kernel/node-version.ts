/** The oldest Node that Sallyport runs on: isolated-vm 7 needs it. */
const NODE_MAJOR_MIN = 24

/**
 * Ends the process with one sentence when its Node is too old. This file imports nothing and uses no
 * syntax that an old Node does not know, so that it gets as far as saying so.
 */
export function requireNode(): void {
  const problem = refuseNode(process.versions.node)
  if (problem === null) return
  process.stderr.write(`${problem}\n`)
  process.exit(1)
}

/** Says why this version of Node is refused; null when it is not. */
export function refuseNode(version: string): string | null {
  if (Number.parseInt(version, 10) >= NODE_MAJOR_MIN) return null
  return `sallyport: needs Node ${NODE_MAJOR_MIN} or newer, this is Node ${version}`
}
