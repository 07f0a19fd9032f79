/** The oldest Node that Sallyport runs on: isolated-vm 7 needs it. */
export const NODE_MAJOR_MIN = 24

/**
 * Ends the process with one sentence when its Node is too old. This file imports nothing and uses no
 * syntax that an old Node does not know, so that it gets as far as saying so.
 */
export function requireNode(): void {
  const version = process.versions.node
  if (Number.parseInt(version, 10) >= NODE_MAJOR_MIN) return
  process.stderr.write(
    `sallyport: needs Node ${NODE_MAJOR_MIN} or newer, this is Node ${version}\n`,
  )
  process.exit(1)
}
