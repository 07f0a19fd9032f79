import { definePlugin, Type } from '@sallyport/sdk'

/** What the offender of `bench:neighbours` has instead of an honest plugin. */
export default definePlugin({
  name: 'bench-hostile',
  version: '1.0.0',
  config: Type.Object({ deed: Type.String() }),
  access(_pdk, { deed }) {
    if (deed === 'loop') for (;;);
    const kept: unknown[][] = []
    for (;;) kept.push(Array<unknown>(100_000).fill(kept))
  },
})
