import { type Plugin, toManifest } from '@sallyport/sdk'
import type { PluginCode } from '../../kernel/plugin-host.ts'

/** A plugin of a test, as the operator would load it with `--plugin PATH=inline`. */
export function toInlineCode(plugin: Plugin): PluginCode {
  return {
    manifest: toManifest(plugin),
    tier: 'inline',
    module: plugin,
    source: null,
    origin: `test plugin ${plugin.name}`,
  }
}
