// An issuer that others wrote: npm's oidc-provider. Whoever comes is signed in at once as `ada`.
//   node abroad.mjs PORT CALLBACK jwt|opaque
import { generateKeyPairSync } from "node:crypto";
import Provider from "oidc-provider";

const [port, callback, format] = process.argv.slice(2);
const issuer = `http://127.0.0.1:${port}`;
const audience = "urn:bezant:api";
const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
const key = { ...privateKey.export({ format: "jwk" }), alg: "RS256", use: "sig", kid: "abroad-1" };

const provider = new Provider(issuer, {
  jwks: { keys: [key] },
  cookies: { keys: ["only of this test"] },
  clients: [
    {
      client_id: "bezant-pages",
      client_secret: "of-this-test-alone",
      redirect_uris: [callback],
      grant_types: ["authorization_code"],
      response_types: ["code"],
    },
    {
      client_id: "app",
      client_secret: "of-this-test-alone",
      redirect_uris: [],
      response_types: [],
      grant_types: ["client_credentials"],
    },
  ],
  claims: { openid: ["sub"], profile: ["name", "roles"] },
  conformIdTokenClaims: false,
  findAccount: (_, id) => ({
    accountId: id,
    claims: () => ({ sub: id, name: "Ada of Abroad", roles: ["shop-money"] }),
  }),
  extraTokenClaims: () => ({ roles: ["shop-money"] }),
  features: {
    devInteractions: { enabled: false },
    clientCredentials: { enabled: true },
    introspection: { enabled: true, allowedPolicy: () => true },
    resourceIndicators: {
      enabled: true,
      defaultResource: (_, client) => (client.clientId === "app" ? audience : undefined),
      useGrantedResource: () => true,
      getResourceServerInfo: () => ({
        scope: "",
        audience,
        accessTokenFormat: format,
        jwt: { sign: { alg: "RS256" } },
      }),
    },
  },
  interactions: { url: (_, interaction) => `/interaction/${interaction.uid}` },
});

provider.use(async (ctx, next) => {
  if (!ctx.path.startsWith("/interaction/")) return next();
  const { prompt, params, session } = await provider.interactionDetails(ctx.req, ctx.res);
  if (prompt.name === "login") {
    const result = { login: { accountId: "ada", amr: ["pwd"] } };
    await provider.interactionFinished(ctx.req, ctx.res, result);
  } else {
    const grant = new provider.Grant({ accountId: session.accountId, clientId: params.client_id });
    grant.addOIDCScope("openid profile");
    const result = { consent: { grantId: await grant.save() } };
    await provider.interactionFinished(ctx.req, ctx.res, result);
  }
  ctx.respond = false;
});
provider.on("server_error", (_, error) => console.error(error));
provider.listen(Number(port), "127.0.0.1", () => console.log("listening"));
