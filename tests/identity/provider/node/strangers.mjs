// Two clients that others wrote, at our provider from end to end. One JSON line at the end tells what they saw.
import * as oauth from 'oauth4webapi'
import * as openid from 'openid-client'

const { issuer, callback, partnerKey, robotKey, name, password } = JSON.parse(process.argv[2])
const insecure = { [oauth.allowInsecureRequests]: true }
const seen = {}

// A person's browser: cookies, forms, and links that it follows as long as they stay with us.
class Browser {
  cookies = new Map()
  async ask(url, options = {}) {
    const cookie = [...this.cookies].map((pair) => pair.join('=')).join('; ')
    const answer = await fetch(url, { redirect: 'manual', ...options, headers: { ...options.headers, cookie } })
    for (const line of answer.headers.getSetCookie()) {
      const [, key, value] = line.match(/^([^=]+)=([^;]*)/)
      this.cookies.set(key, value)
    }
    return answer
  }
  post(url, fields) {
    return this.ask(url, { method: 'POST', body: new URLSearchParams(fields) })
  }
  // Go where a client sends its person, sign in, allow what is asked, and return where it ends.
  async walk(start) {
    let url = new URL(start)
    let answer = await this.ask(url)
    for (let steps = 0; steps < 12; steps++) {
      const location = answer.headers.get('location')
      if (location) {
        url = new URL(location, url)
        if (url.href.startsWith(callback)) return url
        answer = await this.ask(url)
        continue
      }
      const page = await answer.text()
      const action = new URL(page.match(/action="([^"]+)"/)[1], url)
      const fields = page.includes('name="password"') ? { name, password } : { decision: 'yes' }
      if (page.includes('name="user_code"')) fields.user_code = page.match(/name="user_code"[^>]*value="([^"]*)"/)[1]
      if (page.includes('It is let in')) return url
      answer = await this.post(action, fields)
      if (answer.status === 200 && fields.decision) return url
    }
    throw new Error('too many steps')
  }
}

async function imported(jwk) {
  return crypto.subtle.importKey('jwk', jwk, { name: 'ECDSA', namedCurve: 'P-256' }, true, ['sign'])
}

async function byOpenidClient() {
  const options = { execute: [openid.allowInsecureRequests] }
  const config = await openid.discovery(new URL(issuer), 'payment-frontend', undefined, openid.None(), options)
  const verifier = openid.randomPKCECodeVerifier()
  const wish = {
    redirect_uri: callback, scope: 'openid profile email',
    code_challenge: await openid.calculatePKCECodeChallenge(verifier), code_challenge_method: 'S256',
    state: openid.randomState(), nonce: openid.randomNonce(),
  }
  const browser = new Browser()
  const landed = await browser.walk(openid.buildAuthorizationUrl(config, wish))
  const checks = { pkceCodeVerifier: verifier, expectedState: wish.state, expectedNonce: wish.nonce, idTokenExpected: true }
  const tokens = await openid.authorizationCodeGrant(config, landed, checks)
  const claims = tokens.claims()
  const profile = await openid.fetchUserInfo(config, tokens.access_token, claims.sub)
  seen.openidName = profile.preferred_username
  const renewed = await openid.refreshTokenGrant(config, tokens.refresh_token)
  seen.openidRenewed = renewed.claims().sub === claims.sub
  let reused = ''
  try { await openid.refreshTokenGrant(config, tokens.refresh_token) } catch (error) { reused = error.error }
  seen.openidReused = reused
  let ended = ''
  try { await openid.refreshTokenGrant(config, renewed.refresh_token) } catch (error) { ended = error.error }
  seen.openidFamilyEnded = ended
  const out = openid.buildEndSessionUrl(config, { id_token_hint: tokens.id_token, post_logout_redirect_uri: callback })
  const left = await browser.ask(out)
  seen.openidLeft = left.headers.get('location')?.startsWith(callback)

  // DPoP, with the nonce it is told.
  const bound = await openid.discovery(new URL(issuer), 'bound', undefined, openid.None(), options)
  const pair = await openid.randomDPoPKeyPair('ES256')
  const DPoP = openid.getDPoPHandle(bound, pair)
  const second = openid.randomPKCECodeVerifier()
  const again = {
    redirect_uri: callback, scope: 'openid', code_challenge_method: 'S256',
    code_challenge: await openid.calculatePKCECodeChallenge(second), dpop_jkt: await DPoP.calculateThumbprint(),
  }
  const back = await new Browser().walk(openid.buildAuthorizationUrl(bound, again))
  const grant = await openid.authorizationCodeGrant(bound, back, { pkceCodeVerifier: second }, undefined, { DPoP })
  seen.openidBoundType = grant.token_type
  const here = new URL('/v1/session', issuer)
  const who = await openid.fetchProtectedResource(bound, grant.access_token, here, 'GET', undefined, undefined, { DPoP })
  seen.openidBoundWho = (await who.json()).role
  const renewedBound = await openid.refreshTokenGrant(bound, grant.refresh_token, undefined, { DPoP })
  seen.openidBoundRenewed = renewedBound.token_type

  // A pushed request by a client with a key, and what the token is worth.
  const key = await imported(partnerKey)
  const method = openid.PrivateKeyJwt(key)
  const partner = await openid.discovery(new URL(issuer), 'partner', undefined, method, options)
  const third = openid.randomPKCECodeVerifier()
  const pushed = await openid.buildAuthorizationUrlWithPAR(partner, {
    redirect_uri: callback, scope: 'openid profile', code_challenge_method: 'S256',
    code_challenge: await openid.calculatePKCECodeChallenge(third),
  })
  seen.openidPushed = pushed.searchParams.has('request_uri') && !pushed.searchParams.has('code_challenge')
  const landedThere = await new Browser().walk(pushed)
  const partnerTokens = await openid.authorizationCodeGrant(partner, landedThere, { pkceCodeVerifier: third })
  seen.openidWorth = (await openid.tokenIntrospection(partner, partnerTokens.access_token)).active
  await openid.tokenRevocation(partner, partnerTokens.refresh_token)
  seen.openidWorthless = (await openid.tokenIntrospection(partner, partnerTokens.access_token)).active

  // A device.
  const television = await openid.discovery(new URL(issuer), 'television', undefined, openid.None(), options)
  const device = await openid.initiateDeviceAuthorization(television, { scope: 'openid' })
  const waiting = openid.pollDeviceAuthorizationGrant(television, device)
  await new Browser().walk(device.verification_uri_complete)
  seen.openidDevice = (await waiting).claims().aud
}

async function byOauth4webapi() {
  const url = new URL(issuer)
  const server = await oauth.processDiscoveryResponse(url, await oauth.discoveryRequest(url, insecure))
  seen.oauthIssuer = server.issuer
  const client = { client_id: 'payment-frontend' }
  const verifier = oauth.generateRandomCodeVerifier()
  const state = oauth.generateRandomState()
  const start = new URL(server.authorization_endpoint)
  const wish = {
    client_id: client.client_id, redirect_uri: callback, response_type: 'code', scope: 'openid',
    code_challenge: await oauth.calculatePKCECodeChallenge(verifier), code_challenge_method: 'S256', state,
  }
  for (const [key, value] of Object.entries(wish)) start.searchParams.set(key, value)
  const landed = await new Browser().walk(start)
  const given = oauth.validateAuthResponse(server, client, landed, state)
  const answer = await oauth.authorizationCodeGrantRequest(server, client, oauth.None(), given, callback, verifier, insecure)
  const tokens = await oauth.processAuthorizationCodeResponse(server, client, answer, { requireIdToken: true })
  await oauth.validateApplicationLevelSignature(server, answer, insecure)
  seen.oauthType = tokens.token_type
  const request = new Request(new URL('/v1/session', issuer), { headers: { authorization: `Bearer ${tokens.access_token}` } })
  const access = await oauth.validateJwtAccessToken(server, request, new URL(issuer).origin, insecure)
  seen.oauthAccess = access.client_id

  // Somebody else's answer is not taken for this server's.
  const mixed = new URL(landed)
  mixed.searchParams.set('iss', 'https://evil.example')
  try { oauth.validateAuthResponse(server, client, mixed, state); seen.oauthMixUp = 'taken' } catch { seen.oauthMixUp = 'refused' }

  const key = await imported(robotKey)
  const robot = { client_id: 'robot' }
  const own = await oauth.clientCredentialsGrantRequest(
    server, robot, oauth.PrivateKeyJwt(key), new URLSearchParams({ scope: 'payments.read' }), insecure)
  seen.oauthRobot = (await oauth.processClientCredentialsResponse(server, robot, own)).scope
}

await byOpenidClient()
await byOauth4webapi()
console.log(JSON.stringify(seen))
