import type ivm from 'isolated-vm'
import { LIBRARY_MODULE, SDK_MODULE } from '../module-names.ts'

/**
 * Takes the library's own objects off the global object before anything else is evaluated, and hands
 * them to the two modules that may have them.
 */
const LIBRARY_SOURCE = `
const key = '${LIBRARY_MODULE}'
const shared = globalThis[key]
delete globalThis[key]
export const { PDK_ERRORS, PdkError, accept } = shared
`

/** A module is evaluated after those it imports, in the order of its imports. */
const ENTRY_SOURCE = `
import { accept } from '${LIBRARY_MODULE}'
import * as exports from 'sallyport:plugin'
accept(exports)
`

/**
 * Evaluates a plugin's module. Throws what isolated-vm throws: a syntax error with its place, an
 * import that is refused, whatever the module threw, or the deadline.
 */
export function evaluatePlugin(options: {
  isolate: ivm.Isolate
  context: ivm.Context
  sdk: string
  source: string
  filename: string
  loadMs: number
}): void {
  const { isolate, context, loadMs } = options
  const compile = (source: string, filename: string) =>
    isolate.compileModuleSync(source, { filename })
  const entry = compile(ENTRY_SOURCE, 'sallyport:entry')
  const library = compile(LIBRARY_SOURCE, LIBRARY_MODULE)
  const plugin = compile(named(options.source, options.filename), options.filename)
  let sdk: ivm.Module | null = null
  entry.instantiateSync(context, (specifier, referrer) => {
    if (referrer === plugin) {
      if (specifier !== SDK_MODULE) throw new Error(refusal(specifier))
      return (sdk ??= compile(options.sdk, 'sallyport:sdk'))
    }
    return specifier === LIBRARY_MODULE ? library : plugin
  })
  entry.evaluateSync({ timeout: loadMs })
}

/** The last comment of this kind holds: in the places of errors a plugin has the name that it was given. */
function named(source: string, filename: string): string {
  return `${source}\n//# sourceURL=${filename}`
}

function refusal(specifier: string): string {
  return `a plugin is one file and may import "${SDK_MODULE}" only; this one imports ${JSON.stringify(specifier)}`
}
