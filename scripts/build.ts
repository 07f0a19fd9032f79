import { spawnSync } from 'node:child_process'
import {
  chmodSync,
  cpSync,
  existsSync,
  globSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { rewriteModuleUrls } from './module-urls.ts'

// Makes `dist/` of both packages. The SDK comes first: the root package is compiled against the
// declarations that the SDK publishes, as a stranger's package would be.
const root = join(import.meta.dirname, '..')
const sdk = join(root, 'sdk')
compile(sdk)
compile(root)
copyOthers()
const program = join(root, 'dist/kernel/main.js')
if (existsSync(program)) chmodSync(program, 0o755)

function compile(folder: string): void {
  rmSync(join(folder, 'dist'), { recursive: true, force: true })
  const compiler = join(root, 'node_modules/typescript/bin/tsc')
  const config = join(folder, 'tsconfig.build.json')
  const { status } = spawnSync(process.execPath, [compiler, '-p', config], { stdio: 'inherit' })
  if (status !== 0) {
    process.stderr.write(`${config} does not compile; nothing is built\n`)
    process.exit(1)
  }
  for (const path of globSync('dist/**/*.js', { cwd: folder })) {
    const file = join(folder, path)
    const before = readFileSync(file, 'utf8')
    const after = rewriteModuleUrls(path, before)
    if (after !== before) writeFileSync(file, after)
  }
}

/** Files that the program reads at run time and the compiler does not know. */
function copyOthers(): void {
  const files = globSync('{kernel,sandbox,plugins}/**/*.*', { cwd: root })
  for (const path of files.filter((each) => !each.endsWith('.ts'))) {
    cpSync(join(root, path), join(root, 'dist', path))
  }
  // Each package carries the licence; there is one text of it.
  cpSync(join(root, 'LICENSE'), join(sdk, 'LICENSE'))
}
