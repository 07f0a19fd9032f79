/** A file that breaks one rule of .oxlintrc.json, and where the rule must let it pass. */
interface LintSample {
  readonly path: string
  readonly text: string
  /** A place in which the same text is allowed. */
  readonly allowedAt?: string
}

const lines = (count: number) => 'use()\n'.repeat(count)
const work = 'export const work = async (): Promise<number> => 1\n'

/** By rule, as the configuration spells it; the test demands one for every rule. */
export const LINT_SAMPLES: Readonly<Record<string, LintSample>> = {
  // Stands for the category "correctness", which the configuration switches on as a whole.
  'no-debugger': { path: 'kernel/stops.ts', text: 'debugger\n' },
  eqeqeq: {
    path: 'kernel/equals.ts',
    text: 'export const same = (a: number, b: number) => a == b\n',
  },
  'prefer-const': { path: 'kernel/lets.ts', text: 'let a = 1\nexport const b = a\n' },
  'no-var': { path: 'kernel/vars.ts', text: 'export var a = 1\n' },
  'no-eval': {
    path: 'kernel/evals.ts',
    text: "export const a: unknown = eval('1')\n",
    allowedAt: 'sandbox/evals.ts',
  },
  'no-new-func': {
    path: 'kernel/functions.ts',
    text: "export const a = new Function('return 1')\n",
    allowedAt: 'sandbox/functions.ts',
  },
  'no-return-assign': {
    path: 'kernel/assigns.ts',
    text: 'let a = 0\nexport const set = (b: number) => {\n  return a = b\n}\nexport { a }\n',
  },
  'no-self-compare': {
    path: 'kernel/compares.ts',
    text: 'export const same = (a: number) => a === a\n',
  },
  'no-console': {
    path: 'plugins/prints.ts',
    text: "console.log('a')\n",
    allowedAt: 'scripts/prints.ts',
  },
  'max-params': {
    path: 'kernel/parameters.ts',
    text: 'export const f = (a: number, b: number, c: number, d: number, e: number) => a+b+c+d+e\n',
  },
  'max-lines': {
    path: 'kernel/lines.ts',
    text: `declare const use: () => void\n${lines(300)}export {}\n`,
    allowedAt: 'test/lines.ts',
  },
  'max-lines-per-function': {
    path: 'kernel/function-lines.ts',
    text: `declare const use: () => void\nexport const f = () => {\n${lines(70)}}\n`,
    allowedAt: 'test/function-lines.ts',
  },
  'typescript/await-thenable': {
    path: 'kernel/awaits.ts',
    text: 'export const f = async () => await 1\n',
  },
  'typescript/ban-ts-comment': {
    path: 'kernel/ignores.ts',
    text: "// @ts-ignore\nexport const a: number = 'a'\n",
  },
  'typescript/consistent-type-imports': {
    path: 'kernel/types.ts',
    text: "import { Shape } from './shape.ts'\nexport const a: Shape = 1\n",
  },
  'typescript/no-explicit-any': {
    path: 'kernel/any.ts',
    text: 'export const f = (a: any) => String(a)\n',
  },
  'typescript/no-floating-promises': {
    path: 'kernel/floats.ts',
    text: `${work}export const f = () => {\n  work()\n}\n`,
  },
  'typescript/no-import-type-side-effects': {
    path: 'kernel/inline-types.ts',
    text: "import { type Shape } from './shape.ts'\nexport const a: Shape = 1\n",
  },
  'typescript/no-misused-promises': {
    path: 'kernel/misuses.ts',
    text: `${work}export const f = () => (work() ? 1 : 2)\n`,
  },
  'typescript/no-unnecessary-type-assertion': {
    path: 'kernel/asserts.ts',
    text: 'export const f = (a: string) => a as string\n',
  },
  'typescript/only-throw-error': {
    path: 'kernel/throws.ts',
    text: "export const f = () => {\n  throw 'a'\n}\n",
  },
  'typescript/prefer-promise-reject-errors': {
    path: 'kernel/rejects.ts',
    text: "export const f = () => Promise.reject('a')\n",
  },
  'typescript/return-await': {
    path: 'kernel/returns.ts',
    text: `${work}export const f = async () => {\n  try {\n    return work()\n  } catch {\n    return 2\n  }\n}\n`,
  },
  'typescript/switch-exhaustiveness-check': {
    path: 'kernel/switches.ts',
    text: "export const f = (a: 'x' | 'y') => {\n  switch (a) {\n    case 'x':\n      return 1\n  }\n  return 2\n}\n",
  },
  'import/no-cycle': {
    path: 'kernel/cycle.ts',
    text: "import { b } from './cycle-back.ts'\nexport const a = () => b\n",
  },
  'import/no-default-export': {
    path: 'kernel/defaults.ts',
    text: 'export default 1\n',
    allowedAt: 'plugins/defaults.ts',
  },
  'unicorn/filename-case': { path: 'kernel/camelCase.ts', text: 'export const a = 1\n' },
  'unicorn/prefer-node-protocol': {
    path: 'kernel/node.ts',
    text: "import { join } from 'path'\nexport const a = join\n",
  },
  'vitest/no-focused-tests': {
    path: 'test/focused.test.ts',
    text: "import { it } from 'vitest'\nit.only('a works', () => {})\n",
  },
  'vitest/valid-expect': {
    path: 'test/expects.test.ts',
    text: "import { expect, it } from 'vitest'\nit('a works', () => {\n  expect(1)\n})\n",
  },
  'vitest/no-identical-title': {
    path: 'test/titles.test.ts',
    text: "import { it } from 'vitest'\nit('a works', () => {})\nit('a works', () => {})\n",
  },
}

/** What the samples import. */
export const LINT_SUPPORT: Readonly<Record<string, string>> = {
  'kernel/shape.ts': 'export type Shape = number\n',
  'kernel/cycle-back.ts': "import { a } from './cycle.ts'\nexport const b = () => a\n",
}
