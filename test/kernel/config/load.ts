import { Type } from '@sallyport/sdk'
import { loadDeclarative } from '../../../kernel/config/declarative.ts'
import { formatConfigError } from '../../../kernel/config/config-error.ts'
import type { Entities } from '../../../kernel/config/entities.ts'
import type { KnownPlugins } from '../../../kernel/config/plugin-config.ts'

/** Plugins as the operator might have loaded them, for the files of these tests. */
const plugins: KnownPlugins = new Map(
  [
    {
      name: 'key-auth',
      schema: Type.Object({
        key_names: Type.Array(Type.String(), { default: ['apikey'] }),
        hide_credentials: Type.Boolean({ default: false }),
      }),
      scopes: { consumer: false, route: true, service: true },
    },
    {
      name: 'limiter',
      schema: Type.Object({
        minute: Type.Integer({ minimum: 1 }),
        by: Type.Union([Type.Literal('ip'), Type.Literal('consumer')], { default: 'consumer' }),
        label: Type.Optional(Type.String()),
        secret: Type.Optional(Type.String({ minLength: 8, writeOnly: true })),
      }),
    },
    { name: 'plain', schema: null },
  ].map((plugin) => [plugin.name, plugin]),
)

export const load = (text: string) => loadDeclarative(text, { filename: 'kong.yml', plugins })

/** The entities of a good file; fails with its errors otherwise. */
export function loadGood(text: string): Entities {
  const result = load(text)
  if (!result.ok) throw new Error(result.errors.map(formatConfigError).join('\n'))
  return result.entities
}

/** The errors of a bad file as people read them; none for a good one. */
export function errorsOf(text: string): string[] {
  const result = load(text)
  return result.ok ? [] : result.errors.map(formatConfigError)
}

export const versioned = (text: string) => `_format_version: "3.0"\n${text}`
