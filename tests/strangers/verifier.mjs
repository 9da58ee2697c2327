// A verifier that nobody at Yufu wrote: libraries of the OpenWallet Foundation, jose and dcql, put together as their documentation says.
// It reads one line of JSON on standard input and serves until that ends:
//
//   {key, x5c, verifier_info, vct, claims, mode?, by_value?, post?, optional?, transaction?, lie?}: a private JWK, its certificates, the
//   registration, what is asked for; the request in the link itself, or fetched by POST with the wallet's nonce; claims of a credential that
//   may be left out (credential_sets); a text to agree to (transaction_data)
//
// It prints {base}, then reads {ask: name} lines and prints {link} for each; and a line of JSON for every answer that it got.

import { createHash, randomBytes } from 'node:crypto'
import { createServer } from 'node:http'
import { createInterface } from 'node:readline'
import { HashAlgorithm } from '@openid4vc/oauth2'
import { setGlobalConfig } from '@openid4vc/openid4vci'
import { Openid4vpVerifier } from '@openid4vc/openid4vp'
import { digest } from '@sd-jwt/crypto-nodejs'
import { SDJwtVcInstance } from '@sd-jwt/sd-jwt-vc'
import { DcqlPresentationResult, DcqlQuery } from 'dcql'
import { compactDecrypt, compactVerify, CompactSign, exportJWK, generateKeyPair, importJWK } from 'jose'
import { publicPart, verifyByChain } from './crypto.mjs'

setGlobalConfig({ allowInsecureUrls: true })

const HASHES = { [HashAlgorithm.Sha256]: 'sha256', [HashAlgorithm.Sha384]: 'sha384', [HashAlgorithm.Sha512]: 'sha512' }
const say = (line) => console.log(JSON.stringify(line))
const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]()
const input = JSON.parse((await lines.next()).value)
const clientId = `x509_hash:${createHash('sha256').update(Buffer.from(input.x5c[0], 'base64')).digest('base64url')}`

const encryption = await generateKeyPair('ECDH-ES', { crv: 'P-256', extractable: true })
const decryptionJwk = { ...(await exportJWK(encryption.privateKey)), kid: 'enc-1', alg: 'ECDH-ES', use: 'enc' }
const callbacks = {
  fetch,
  hash: (data, algorithm) => createHash(HASHES[algorithm]).update(data).digest(),
  generateRandom: (length) => randomBytes(length),
  signJwt: async (_, { header, payload }) => {
    const signing = new CompactSign(Buffer.from(JSON.stringify(payload))).setProtectedHeader(header)
    return { jwt: await signing.sign(await importJWK(input.key, 'ES256')), signerJwk: publicPart(input.key) }
  },
  decryptJwe: async (jwe) => {
    const opened = await compactDecrypt(jwe, await importJWK(decryptionJwk, 'ECDH-ES'))
    const payload = Buffer.from(opened.plaintext).toString('utf8')
    return { decrypted: true, decryptionJwk: publicPart(decryptionJwk), payload }
  },
  verifyJwt: async () => ({ verified: false }),
  encryptJwe: async () => {
    throw new Error('a verifier encrypts nothing')
  },
}
const verifier = new Openid4vpVerifier({ callbacks })
const requests = new Map()
let base

const of = (id, names) => ({ id, format: 'dc+sd-jwt', meta: { vct_values: [input.vct] }, claims: names.map((name) => ({ path: [name] })) })
const query = { credentials: [of('identity', input.claims)] }
if (input.optional) {
  query.credentials.push(of('more', input.optional))
  query.credential_sets = [{ options: [['identity']] }, { options: [['more']], required: false }]
}

/** Signs a request by the library: by value where there is no `requestUri`. */
function sign(payload, requestUri, claims = {}) {
  return verifier.createOpenId4vpAuthorizationRequest({
    scheme: 'openid4vp://',
    authorizationRequestPayload: payload,
    jar: {
      requestUri,
      jwtSigner: { method: 'x5c', alg: 'ES256', x5c: input.x5c },
      expiresInSeconds: input.lie === 'expired' ? -10 : 100,
      additionalJwtPayload: { aud: input.lie === 'aud' ? 'https://other.example' : 'https://self-issued.me/v2', ...claims },
    },
  })
}

/** Makes a request. */
async function ask(name) {
  DcqlQuery.validate(DcqlQuery.parse(query))
  const mode = input.mode ?? 'direct_post.jwt'
  const payload = {
    response_type: 'vp_token',
    response_mode: mode,
    client_id: input.lie === 'client_id' ? `x509_hash:${createHash('sha256').update('another').digest('base64url')}` : clientId,
    response_uri: input.lie === 'response_uri' ? 'https://evil.example/responses' : `${base}/responses/${name}`,
    nonce: randomBytes(24).toString('base64url'),
    state: randomBytes(16).toString('base64url'),
    dcql_query: query,
    client_metadata: {
      jwks: { keys: [publicPart(decryptionJwk)] },
      encrypted_response_enc_values_supported: ['A128GCM', 'A256GCM'],
      vp_formats_supported: { 'dc+sd-jwt': { 'sd-jwt_alg_values': ['ES256'], 'kb-jwt_alg_values': ['ES256'] } },
    },
    verifier_info: input.verifier_info,
  }
  if (input.transaction) {
    const { type, text } = input.transaction
    payload.transaction_data = [Buffer.from(JSON.stringify({ type, credential_ids: ['identity'], text })).toString('base64url')]
  }
  const created = await sign(payload, input.by_value ? undefined : `${base}/requests/${name}`)
  requests.set(name, { payload, jwt: created.jar.authorizationRequestJwt ?? created.jar.authorizationRequest })
  // The library itself takes only POST in capitals, and writes none.
  return { link: created.authorizationRequest + (input.post ? '&request_uri_method=post' : '') }
}

/** Reads a response as the libraries do: decrypted, of this request, the SD-JWT VC with its key binding, and the query answered. */
async function check(name, form) {
  const { payload } = requests.get(name)
  const parsed = await verifier.parseOpenid4vpAuthorizationResponse({ authorizationResponse: form, authorizationRequestPayload: payload, callbacks })
  const token = parsed.authorizationResponsePayload.vp_token
  const vpToken = typeof token === 'string' ? JSON.parse(token) : token
  const shown = {}
  for (const [id, presentations] of Object.entries(vpToken)) shown[id] = await read(presentations[0], payload)
  const held = (one) => ({ credential_format: 'dc+sd-jwt', vct: one.payload.vct, claims: one.payload, cryptographic_holder_binding: true })
  const presentations = Object.fromEntries(Object.entries(shown).map(([id, one]) => [id, [held(one)]]))
  const answered = DcqlPresentationResult.fromDcqlPresentation(presentations, { dcqlQuery: DcqlQuery.parse(query) })
  if (!answered.can_be_satisfied) throw new Error('the query is not answered')
  let agreed = 0
  if (payload.transaction_data) {
    const credentials = Object.fromEntries(Object.entries(shown).map(([id, one]) => [id, [one.kb.payload]]))
    agreed = (await verifier.verifyTransactionData({ transactionData: payload.transaction_data, credentials })).length
  }
  return { encrypted: parsed.jarm !== undefined, parts: Object.keys(shown), agreed, claims: shown.identity.payload }
}

/** Reads one presentation: the issuer's signature, the key binding, whom it is for. */
async function read(presentation, payload) {
  const issuerKey = (await verifyByChainAnywhere(presentation.split('~')[0])).jwk
  const instance = new SDJwtVcInstance({
    hasher: digest,
    verifier: async (data, signature) => verified(`${data}.${signature}`, issuerKey),
    kbVerifier: async (data, signature, claims) => verified(`${data}.${signature}`, claims.cnf.jwk),
  })
  const result = await instance.verify(presentation, { keyBindingNonce: payload.nonce })
  if (result.kb.payload.aud !== clientId) throw new Error(`the presentation is for ${result.kb.payload.aud}`)
  return result
}

async function verified(compact, jwk) {
  return compactVerify(compact, await importJWK(jwk, 'ES256')).then(() => true, () => false)
}

/** The issuer's chain is for the ledger's own tests; here it must be well-formed and lead to the given root. */
async function verifyByChainAnywhere(jwt) {
  const { X509Certificate } = await import('node:crypto')
  return verifyByChain(jwt, [new X509Certificate(input.root)])
}

const http = createServer(async (incoming, outgoing) => {
  const chunks = []
  for await (const chunk of incoming) chunks.push(chunk)
  const [, kind, name] = new URL(incoming.url, base).pathname.split('/')
  const send = (status, type, body, headers = {}) => outgoing.writeHead(status, { 'content-type': type, ...headers }).end(body)
  if (kind === 'requests' && requests.has(name)) {
    if (input.lie === 'redirect') return send(302, 'text/plain', '', { location: `${base}/requests/again` })
    if (!input.post) return send(200, 'application/oauth-authz-req+jwt', requests.get(name).jwt)
    const sent = new URLSearchParams(Buffer.concat(chunks).toString('utf8')).get('wallet_nonce')
    if (incoming.method !== 'POST' || !sent) return send(400, 'application/json', '{}')
    const nonce = input.lie === 'wallet_nonce' ? 'another' : sent
    const created = await sign(requests.get(name).payload, `${base}/requests/${name}`, { wallet_nonce: nonce })
    return send(200, 'application/oauth-authz-req+jwt', created.jar.authorizationRequestJwt)
  }
  if (kind === 'stolen') {
    say({ stolen: Buffer.concat(chunks).length })
    return send(200, 'application/json', '{}')
  }
  if (kind === 'responses' && input.lie === 'response redirect') {
    say({ redirected: true })
    return send(307, 'text/plain', '', { location: `${base}/stolen/${name}` })
  }
  if (kind !== 'responses') return send(404, 'application/json', '{}')
  try {
    say({ answered: await check(name, Object.fromEntries(new URLSearchParams(Buffer.concat(chunks).toString('utf8')))) })
    send(200, 'application/json', JSON.stringify({ redirect_uri: input.lie === 'redirect_uri' ? 'https://evil.example/' : `${base}/done` }))
  } catch (error) {
    say({ refused: error.message })
    send(400, 'application/json', JSON.stringify({ error: 'invalid_request' }))
  }
})
http.listen(0, '127.0.0.1', async () => {
  base = `http://127.0.0.1:${http.address().port}`
  say({ base, client_id: clientId })
  for await (const line of lines) {
    const made = await ask(JSON.parse(line).ask).catch((error) => ({ error: error.message, cause: String(error.cause) }))
    say(made)
  }
  process.exit(0)
})
