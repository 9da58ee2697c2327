// SD-JWTs that a stranger's library issued, through Yufu's verifier: `node sd-jwt.mjs [how many] [seed]`, with the path of
// `yufu-wallet` in YUFU_WALLET. Each must give the claims that the library itself decodes; each of its mutations must be refused.
// It prints `N passed, 0 failed`, and the seed with every difference, so that a run can be repeated.

import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { isDeepStrictEqual } from 'node:util'
import { KBJwt, SDJwtInstance } from '@sd-jwt/core'
import { digest } from '@sd-jwt/crypto-nodejs'
import { exportJWK, generateKeyPair, importJWK, jwtVerify } from 'jose'
import { algorithmOf, publicPart, signer } from './crypto.mjs'

const { YUFU_WALLET } = process.env
if (!YUFU_WALLET) throw new Error('YUFU_WALLET names no binary: set it to the path of yufu-wallet')
const COUNT = Number(process.argv[2] ?? 30)
const SEED = Number(process.argv[3] ?? Math.floor(Math.random() * 2 ** 32))
const MAX_SHOWN = 5
const NOW = 1_790_000_000
const AUDIENCE = 'https://verifier.example'
const HASH_NAMES = { 'sha-256': 'sha256', 'sha-384': 'sha384', 'sha-512': 'sha512' }

const random = generator(SEED)
const pick = (values) => values[Math.floor(random() * values.length)]
const flip = (chance) => random() < chance
let passed = 0
let failed = 0

/** mulberry32: small, and the same everywhere for a seed. */
function generator(seed) {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let value = Math.imul(state ^ (state >>> 15), state | 1)
    value ^= value + Math.imul(value ^ (value >>> 7), value | 61)
    return ((value ^ (value >>> 14)) >>> 0) / 2 ** 32
  }
}

const LEAVES = [
  () => pick(['欧阳若兰', 'Zoë "Ζωή" \\ Smith', '', '\u0001\u2028\ud83d\udc1f', 'a~b.c', '\u00e9 and e\u0301']),
  () => pick([0, -1, 42, 2 ** 53 - 1, -(2 ** 53 - 1), 1.5, -0.001]),
  () => flip(0.5),
  () => null,
]
const NAMES = ['name', 'address', 'street', 'nationalities', 'vehicles', 'degree', '姓名', 'sub', 'x-y_z', 'updated_at', 'sd', '_sdx']

/** Claims, and the frame that tells the library which to make selectively disclosable, with decoys. */
function value(depth) {
  const kind = depth === 0 ? 1 : random()
  if (kind < 0.35) return object(depth - 1)
  if (kind < 0.6) return array(depth - 1)
  return { claims: pick(LEAVES)() }
}

function object(depth, count = Math.floor(random() * 4)) {
  const names = new Set(Array.from({ length: count }, () => pick(NAMES)))
  return frames([...names].map((name) => [name, value(depth)]), (entries) => Object.fromEntries(entries), (key) => key)
}

function array(depth) {
  const members = Array.from({ length: Math.floor(random() * 4) }, (_, index) => [index, value(depth)])
  return frames(members, (entries) => entries.map(([, claims]) => claims), (key) => key)
}

function frames(members, join) {
  const frame = { _sd: members.map(([key]) => key).filter(() => flip(0.6)) }
  if (flip(0.4)) frame._sd_decoy = 1 + Math.floor(random() * 3)
  for (const [key, { frame: inner }] of members) if (inner) frame[key] = inner
  return { claims: join(members.map(([key, { claims }]) => [key, claims])), frame }
}

async function keyOf(alg) {
  return exportJWK((await generateKeyPair(alg, { extractable: true })).privateKey)
}

/** What the holder shows: every disclosure, or those of some names; a frame without a parent's name would hide its children. */
function choice(claims) {
  const chosen = Object.entries(claims).filter(() => flip(0.7))
  return Object.fromEntries(chosen.map(([name, inner]) => [name, isContainer(inner) && flip(0.7) ? choice(inner) : true]))
}

function isContainer(claims) {
  return typeof claims === 'object' && claims !== null
}

/** One SD-JWT of the library's, presented by its holder, and how to verify it. */
async function issue(index) {
  const [issuer, holder] = await Promise.all([keyOf(index % 2 ? 'EdDSA' : 'ES256'), keyOf(pick(['ES256', 'EdDSA']))])
  const hashAlg = pick(Object.keys(HASH_NAMES))
  const bound = index % 3 !== 0
  const { claims, frame } = object(4, 2 + Math.floor(random() * 5))
  const times = { iat: NOW - 60, ...(flip(0.5) ? { exp: NOW + 600 } : {}), ...(flip(0.3) ? { nbf: NOW - 60 } : {}) }
  const payload = { iss: 'https://issuer.example', ...times, ...claims, ...(bound ? { cnf: { jwk: publicPart(holder) } } : {}) }
  const nonce = `nonce-${index}-${Math.floor(random() * 1e9)}`
  const library = new SDJwtInstance({
    hasher: digest,
    hashAlg,
    saltGenerator: (length) => Array.from({ length }, () => Math.floor(random() * 16).toString(16)).join(''),
    signer: signer(issuer),
    signAlg: algorithmOf(issuer),
    verifier: verifier(publicPart(issuer)),
    kbVerifier: (data, signed, { cnf }) => verifier(cnf.jwk)(data, signed),
    omitTyp: true,
  })
  const whole = await library.issue(payload, frame)
  const shown = flip(0.4) ? undefined : choice(claims)
  const unbound = await library.present(whole, shown)
  const request = { issuer_jwk: publicPart(issuer), now: NOW, require_kb: bound, ...(bound ? { nonce, aud: AUDIENCE } : {}) }
  const sdJwt = await bind(unbound, { holder, hashAlg, bound, request })
  const decoded = await library.verify(sdJwt, { currentDate: NOW, ...(bound ? { keyBindingNonce: nonce } : {}) })
  return { sdJwt, unbound, expected: decoded.payload, request, holder, hashAlg, bound, whole }
}

function verifier(jwk) {
  return async (data, signed) => {
    await jwtVerify(`${data}.${signed}`, await importJWK(jwk, algorithmOf(jwk)), { currentDate: new Date(NOW * 1000) })
    return true
  }
}

/**
 * Binds any text before the last tilde correctly, so that only what was done to the text itself can be refused. The library's key
 * binding JWT, but not its `present` with `kb`: that selects the disclosures twice, and where they nest it hashes others than it sends.
 */
async function bind(unbound, { holder, hashAlg, bound, request }) {
  if (!bound) return unbound
  const hash = createHash(HASH_NAMES[hashAlg]).update(unbound).digest('base64url')
  const payload = { iat: NOW, aud: AUDIENCE, nonce: request.nonce, sd_hash: hash }
  return unbound + (await new KBJwt({ header: { typ: 'kb+jwt', alg: algorithmOf(holder) }, payload }).sign(signer(holder)))
}

/** What must be refused: a name, the SD-JWT, and what differs in the request. */
async function mutations(issued, stranger) {
  const { unbound, sdJwt, bound, request } = issued
  const [jwt, ...disclosures] = unbound.split('~').slice(0, -1)
  const [header, payload, signed] = jwt.split('.')
  const join = (parts) => `${parts.join('~')}~`
  const made = [
    ['a payload that was not signed', join([`${header}.${tampered(payload)}.${signed}`, ...disclosures])],
    ['a signature that was changed', join([`${header}.${payload}.${altered(signed)}`, ...disclosures])],
    ['a disclosure of another SD-JWT', join([jwt, ...disclosures, stranger])],
    ['an empty disclosure', join([jwt, ...disclosures, ''])],
  ]
  if (disclosures.length > 0) {
    const place = Math.floor(random() * disclosures.length)
    const one = disclosures[place]
    made.push(['a disclosure without its last character', join([jwt, ...disclosures.with(place, one.slice(0, -1))])])
    made.push(['a disclosure with another salt', join([jwt, ...disclosures.with(place, resalted(one))])])
    made.push(['a disclosure given twice', join([jwt, ...disclosures, one])])
  }
  const cases = await Promise.all(made.map(async ([name, text]) => [name, await bind(text, issued), {}]))
  cases.push(['the trailing ~ left out', unbound.slice(0, -1), {}])
  cases.push(['the key of another issuer', sdJwt, { issuer_jwk: publicPart(await keyOf(algorithmOf(request.issuer_jwk))) }])
  if (issued.expected.exp) cases.push(['an expired SD-JWT', sdJwt, { now: issued.expected.exp + 1, max_kb_age: 3600 }])
  if (bound) {
    cases.push(['another nonce', sdJwt, { nonce: 'of another transaction' }])
    cases.push(['another audience', sdJwt, { aud: 'https://another.example' }])
    cases.push(['no key binding', unbound, {}])
    cases.push(['an old key binding', sdJwt, { now: NOW + 301 }])
    if (disclosures.length > 0) cases.push(['a disclosure taken out after binding', withoutOne(sdJwt), {}])
    const thief = await bind(unbound, { ...issued, holder: await keyOf(algorithmOf(issued.holder)) })
    cases.push(['the key binding of another holder', thief, {}])
  }
  return cases
}

function tampered(payload) {
  const claims = JSON.parse(Buffer.from(payload, 'base64url'))
  return Buffer.from(JSON.stringify({ ...claims, admin: true })).toString('base64url')
}

function altered(signed) {
  const bytes = Buffer.from(signed, 'base64url')
  bytes[7] ^= 1
  return bytes.toString('base64url')
}

function resalted(disclosure) {
  const [salt, ...rest] = JSON.parse(Buffer.from(disclosure, 'base64url'))
  return Buffer.from(JSON.stringify([`${salt}0`, ...rest])).toString('base64url')
}

function withoutOne(sdJwt) {
  const parts = sdJwt.split('~')
  return parts.toSpliced(1, 1).join('~')
}

/** Yufu's verdict: the claims, or why not. A crash is neither. */
function yufu(sdJwt, request) {
  try {
    const input = JSON.stringify({ sd_jwt: sdJwt, ...request })
    const options = { input, encoding: 'utf8', timeout: 30_000, stdio: ['pipe', 'pipe', 'pipe'] }
    return { claims: JSON.parse(execFileSync(YUFU_WALLET, ['sd-jwt', 'verify', '-'], options)) }
  } catch (error) {
    if (error.status > 0 && error.status < 100) return { refused: String(error.stderr).trim() }
    throw new Error(`yufu-wallet crashed or hung: ${error.message}`)
  }
}

function check(holds, says) {
  if (holds) passed += 1
  else {
    failed += 1
    if (failed <= MAX_SHOWN) console.error(`FAILED (seed ${SEED}): ${says()}`)
  }
}

let stranger = 'WyJzYWx0IiwibmFtZSIsIm9mIGFub3RoZXIiXQ'
for (let index = 0; index < COUNT; index += 1) {
  const issued = await issue(index)
  const verdict = yufu(issued.sdJwt, issued.request)
  const same = isDeepStrictEqual(verdict.claims, issued.expected)
  check(same, () => `${issued.sdJwt}\n  Yufu:    ${JSON.stringify(verdict)}\n  library: ${JSON.stringify(issued.expected)}`)
  for (const [name, sdJwt, differs] of await mutations(issued, stranger)) {
    const { claims, refused } = yufu(sdJwt, { ...issued.request, ...differs })
    check(claims === undefined && refused.length > 0, () => `${name} was accepted: ${sdJwt}`)
  }
  stranger = issued.whole.split('~')[1] || stranger
}
console.log(`${passed} passed, ${failed} failed`)
process.exitCode = failed === 0 && passed >= COUNT ? 0 : 1
