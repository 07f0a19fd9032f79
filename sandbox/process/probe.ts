import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:net'

/** What a process turned out to be able to do. */
export interface Abilities {
  readonly file: boolean
  readonly addon: boolean
  readonly network: boolean
  readonly spawn: boolean
  readonly kill: boolean
  readonly environment: boolean
  readonly jit: boolean
}

/** Tries everything that a sandbox host must not be able to do. */
export function probeAbilities(addonPath: string): Abilities {
  return {
    file: works(() => readFileSync(process.execPath)) || works(() => readFileSync('/etc/hosts')),
    addon: works(() => process.dlopen({ exports: {} }, addonPath)),
    // Without a hostname nothing is looked up first, so the answer comes at once.
    network: works(() => createServer().listen(0).close()),
    spawn: works(() => {
      const { error } = spawnSync(process.execPath, ['--version'], { timeout: 1_000 })
      if (error !== undefined) throw error
    }),
    kill: works(() => process.kill(process.ppid, 0)),
    environment: Object.keys(process.env).length > 0,
    jit: 'WebAssembly' in globalThis,
  }
}

function works(attempt: () => unknown): boolean {
  try {
    attempt()
    return true
  } catch {
    return false
  }
}
