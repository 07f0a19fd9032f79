import { toLine, type TidyFile, type Violation } from './source.ts'

interface BannedPhrase {
  readonly phrase: RegExp
  readonly why: string
  /** Files in which it is the matter itself. */
  readonly except: RegExp | null
}

/** Files of attacks name the paths that an attacker goes for. */
const ATTACKS = /^test\/(?:adversary|cases)\//

/** Phrases, not words: "TLS session" and "helper function" are good English. */
const BANNED_PHRASES: readonly BannedPhrase[] = [
  {
    phrase: /(?<![\w.])\/(?:home|Users|root|work)\/[\w.]/g,
    why: 'a path of one machine means nothing elsewhere',
    except: ATTACKS,
  },
  {
    phrase: /(?<![\w.])\/tmp\/(?!sallyport)[\w.-]+\/[\w.]/g,
    why: 'a folder for temporary files comes from os.tmpdir()',
    except: ATTACKS,
  },
  {
    phrase: /\b(?:this|that|an? (?:earlier|later)|previous|last|next|another) session\b/gi,
    why: 'the tree speaks of what is, not of who made it when',
    except: null,
  },
  {
    phrase: /\b(?:coding|AI) (?:agent|assistant)s?\b|\blanguage models?\b|\bco-authored-by\b/gi,
    why: 'the tree speaks of what is, not of who made it',
    except: null,
  },
  {
    phrase: /\b(?:helpers? (?:sessions?|reports?)|(?:my|your|our) brief)\b/gi,
    why: 'the tree speaks of what is, not of who made it',
    except: null,
  },
  {
    phrase: /(?<!\/[\w.-]+ )\b(?:issue|ticket) #?\d+\b/gi,
    why: 'say what the matter is, or give the address of a public issue',
    except: null,
  },
  {
    phrase: /\bD[E]SIGN\b|\bST[Y]LE(?:\.md|'s)|\b(?:gateway-features|sandbox-facts)\b/g,
    why: 'names a page that is not in the tree',
    except: null,
  },
  {
    phrase: /\bregistry\.[a-z0-9-]+\.[a-z]{2,}\b|\bnpm\w{2}\.(?:com|org)\b|"resolved": "http/gi,
    why: 'where packages come from is a matter of the machine, not of the tree',
    except: null,
  },
  {
    phrase: /\b(?:XXX|FIXME|TODO)\b/g,
    why: 'finish it, or say in a sentence what is missing',
    except: null,
  },
]

/** The check itself must spell what it looks for, and its tests what it finds. */
const ITSELF = /^test\/tidy(?:\/banned-phrases|\.test)\.ts$/

export function checkBannedPhrases(files: readonly TidyFile[]): Violation[] {
  return files
    .filter(({ path }) => !ITSELF.test(path))
    .flatMap(({ path, text }) =>
      BANNED_PHRASES.filter(({ except }) => !(except?.test(path) ?? false)).flatMap(
        ({ phrase, why }) =>
          [...text.matchAll(phrase)].map((match) => ({
            path,
            line: toLine(text, match.index),
            message: `"${match[0]}": ${why}`,
          })),
      ),
    )
}
