import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as (options: { type: 'minor' }) => void

/**
 * Collects V8's young generation now. For who knows better than V8 when: the pause grows with what is
 * alive in it, and V8 lets 16 MB of it come together before it looks.
 */
export function collectYoung(): void {
  collect({ type: 'minor' })
}
