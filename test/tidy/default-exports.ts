import { hasDefaultExport } from './import-directions.ts'
import { toSources, type TidyFile, type Violation } from './source.ts'

/** A default export is what makes a file a plugin; tools demand it of their configuration files. */
const PLACES = [/^plugins\/(?!index\.ts$)[^/]+\.ts$/, /^examples\//, /^[\w.-]+\.config\.ts$/]

/** Plugins that tests load, told by their name or their folder; .oxlintrc.json says the same. */
const TEST_PLUGINS = /^test\/.*(?:-plugin\.ts|(?:plugins|fixtures|attacks)\/[^/]+\.ts)$/

export function checkDefaultExports(files: readonly TidyFile[]): Violation[] {
  return toSources(files)
    .filter(hasDefaultExport)
    .filter(({ path }) => ![...PLACES, TEST_PLUGINS].some((place) => place.test(path)))
    .map(({ path }) => ({
      path,
      line: 0,
      message: 'a default export is a plugin; export it by name',
    }))
}
