import { spawnSync } from 'node:child_process'
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'

interface LintFinding {
  readonly path: string
  /** As the linter prints it: `eslint(no-eval)`, `typescript(no-explicit-any)`. */
  readonly code: string
}

interface LintConfig {
  readonly rules: Readonly<Record<string, unknown>>
  readonly overrides: readonly { readonly rules: Readonly<Record<string, unknown>> }[]
}

/** Every rule that the configuration switches on, for the whole tree or for some folders. */
export function readLintRules(root: string): Set<string> {
  const text = readFileSync(join(root, '.oxlintrc.json'), 'utf8')
  const config = JSON.parse(text) as LintConfig
  return new Set([config, ...config.overrides].flatMap(({ rules }) => namesOfActive(rules)))
}

function namesOfActive(rules: Readonly<Record<string, unknown>>): string[] {
  return Object.keys(rules).filter((name) => rules[name] !== 'off')
}

/** `typescript/no-explicit-any` as the linter prints it. */
export function toLintCode(rule: string): string {
  const [plugin, name] = rule.includes('/') ? rule.split('/') : ['eslint', rule]
  return `${plugin}(${name})`
}

/** Runs the linter with the tree's own configuration over files in a folder of their own. */
export function lintFiles(root: string, files: Readonly<Record<string, string>>): LintFinding[] {
  const folder = mkdtempSync(join(tmpdir(), 'sallyport-lint-'))
  try {
    copyFileSync(join(root, '.oxlintrc.json'), join(folder, '.oxlintrc.json'))
    const compilerOptions = { strict: true, module: 'nodenext', allowImportingTsExtensions: true }
    const tsconfig = { compilerOptions: { ...compilerOptions, noEmit: true, types: [] } }
    for (const [path, text] of [
      ...Object.entries(files),
      ['tsconfig.json', JSON.stringify(tsconfig)] as const,
    ]) {
      mkdirSync(dirname(join(folder, path)), { recursive: true })
      writeFileSync(join(folder, path), text)
    }
    return runLinter(root, folder)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function runLinter(root: string, folder: string): LintFinding[] {
  const linter = join(root, 'node_modules/oxlint/bin/oxlint')
  const bin = join(root, 'node_modules/.bin')
  const { stdout, stderr } = spawnSync(
    process.execPath,
    [linter, '--type-aware', '--format', 'json'],
    {
      cwd: folder,
      encoding: 'utf8',
      env: { ...process.env, PATH: `${bin}:${process.env['PATH']}` },
    },
  )
  if (!stdout.trimStart().startsWith('{')) throw new Error(`the linter says: ${stdout}${stderr}`)
  const { diagnostics } = JSON.parse(stdout) as {
    diagnostics: { filename: string; code: string }[]
  }
  return diagnostics.map(({ filename, code }) => ({ path: filename, code }))
}
