// Two signers that others wrote send signed requests. One JSON line tells what they were answered.
import { constants, createHash, createPrivateKey, randomBytes, sign as signed } from "node:crypto";
import { appendSignature, createSignature } from "http-message-sig";
import { createSigner, httpbis } from "http-message-signatures";

const { base, partners } = JSON.parse(process.argv[2]);
const TAG = "bezant-request";

// Each takes a request that is not signed yet and returns all headers to send it with.
const libraries = {
  "http-message-signatures": async ({ keyid, algorithm, pem }, request, covered, nonce) => {
    // For RSA it makes its salt as long as fits, where RFC 9421 (3.3.1) says 64 bytes.
    const key =
      algorithm === "rsa-pss-sha512"
        ? { id: keyid, alg: algorithm, sign: async (data) => signerOf(algorithm, pem).sign(data) }
        : createSigner(createPrivateKey(pem), algorithm, keyid);
    const message = await httpbis.signMessage(
      {
        key,
        name: "partner",
        fields: covered,
        params: ["created", "nonce", "keyid", "alg", "tag"],
        paramValues: { nonce, tag: TAG },
      },
      request,
    );
    return message.headers;
  },
  "http-message-sig": async ({ keyid, algorithm, pem }, request, covered, nonce) => {
    const { method, url, headers, body } = request;
    const message = new Request(url, { method, headers, body });
    const created = Math.floor(Date.now() / 1000);
    const fields = await createSignature(message, {
      label: "sig1",
      components: covered,
      parameters: { created, nonce, keyid, alg: algorithm, tag: TAG },
      signer: signerOf(algorithm, pem),
    });
    return Object.fromEntries(appendSignature(message.headers, fields));
  },
};

// This library builds what is signed, and leaves the signing itself to its caller.
function signerOf(algorithm, pem) {
  const key = createPrivateKey(pem);
  const [hash, how] = {
    "ecdsa-p256-sha256": ["sha256", { key, dsaEncoding: "ieee-p1363" }],
    ed25519: [null, key],
    "rsa-pss-sha512": ["sha512", { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 64 }],
  }[algorithm];
  return { algorithm, sign: (data) => signed(hash, data, how) };
}

function digest(body, name = "sha-256") {
  const hash = createHash(name.replace("-", ""));
  return `${name}=:${hash.update(body).digest("base64")}:`;
}

const newNonce = () => randomBytes(16).toString("base64url");

async function send({ method, url, headers, body }) {
  const answer = await fetch(url, { method, headers, body });
  await answer.arrayBuffer();
  return answer.status;
}

async function asked(library, partner) {
  const seen = {};
  const read = { method: "GET", url: `${base}/v1/keys?limit=5`, headers: {} };
  const covered = ["@method", "@target-uri"];
  const nonce = newNonce();
  const headers = await library(partner, read, covered, nonce);
  seen.read = await send({ ...read, headers });
  seen.readAgain = await send({ ...read, headers });
  const other = async (change) =>
    send({ ...read, headers: await library(partner, read, covered, newNonce()), ...change });
  seen.otherQuery = await other({ url: `${base}/v1/keys?limit=6` });
  seen.otherMethod = await other({ method: "DELETE" });

  const write = { method: "POST", url: `${base}/v1/fast`, body: JSON.stringify({ word: "one" }) };
  const whole = [...covered, "content-digest", "content-type", "idempotency-key"];
  for (const [name, change] of Object.entries({
    write: {},
    writeBySha512: { digest: "sha-512" },
    otherBody: { sent: { body: JSON.stringify({ word: "two" }) } },
    otherKey: { after: { "idempotency-key": "another" } },
    otherDigest: { after: { "content-digest": digest(JSON.stringify({ word: "two" })) } },
    uncovered: { covered },
  })) {
    const head = {
      "content-type": "application/json",
      "content-digest": digest(write.body, change.digest),
      "idempotency-key": newNonce(),
    };
    const request = { ...write, headers: head };
    const made = await library(partner, request, change.covered ?? whole, newNonce());
    seen[name] = await send({ ...write, headers: { ...made, ...change.after }, ...change.sent });
  }
  return seen;
}

const told = {};
for (const [name, library] of Object.entries(libraries)) {
  for (const partner of partners) {
    told[`${name} ${partner.algorithm}`] = await asked(library, partner);
  }
}
console.log(JSON.stringify(told));
