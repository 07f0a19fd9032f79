import type { Parts } from '../process/parts.ts'
import type { WorkerProgram } from '../process/worker-process.ts'
import { SettingError } from '../read-settings.ts'
import { COMMANDS } from './commands.ts'
import { commandHelp, overview } from './help.ts'
import { EXIT_OK, EXIT_USAGE, type Terminal } from './terminal.ts'

export interface CommandContext {
  readonly args: readonly string[]
  readonly parts: Parts
  /** How a worker is started: this program again. */
  readonly program: WorkerProgram
  readonly terminal: Terminal
}

/**
 * Runs the command that the arguments name and resolves with the exit code: 0, 1 when it could not do
 * what it was asked to, 2 when it was asked wrongly.
 */
export async function runCommand(context: CommandContext & { version: string }): Promise<number> {
  const { terminal, version } = context
  const [name, ...args] = context.args
  if (name === '--version' || name === '-v') {
    terminal.out(`${version}\n`)
    return EXIT_OK
  }
  if (name === undefined || name === '--help' || name === '-h' || name === 'help') {
    const write = name === undefined ? terminal.error : terminal.out
    write(overview())
    return name === undefined ? EXIT_USAGE : EXIT_OK
  }
  const row = Object.hasOwn(COMMANDS, name) ? COMMANDS[name]! : null
  if (row === null) return refuse(terminal, `unknown command "${name}"; ${known()}`)
  if (row.served === null) return refuse(terminal, `"${name}" is not served yet; ${known()}`)
  if (args.includes('--help') || args.includes('-h')) {
    terminal.out(commandHelp(row))
    return EXIT_OK
  }
  try {
    return await runners[row.served]({ ...context, args })
  } catch (error) {
    if (!(error instanceof SettingError)) throw error
    return refuse(terminal, error.message)
  }
}

/** What a command needs is loaded when it runs. */
const runners = {
  start: async (context: CommandContext) => (await import('./start.ts')).start(context),
  explain: async (context: CommandContext) => (await import('./explain.ts')).explain(context),
  check: async (context: CommandContext) => (await import('./check.ts')).check(context),
  doctor: async (context: CommandContext) => (await import('./doctor.ts')).doctor(context),
}

function known(): string {
  const names = Object.keys(COMMANDS).filter((name) => COMMANDS[name]!.served !== null)
  return `expected ${names.slice(0, -1).join(', ')} or ${names.at(-1)}`
}

function refuse(terminal: Terminal, message: string): number {
  terminal.error(`sallyport: ${message}\n`)
  return EXIT_USAGE
}
