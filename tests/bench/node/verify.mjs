// Verifies tokens with one of two libraries, as the library's documentation shows. Only that library is loaded.

export async function verifierOf(library, { issuer, audience, jwksUri, jwks }) {
  if (library === "aws-jwt-verify") {
    const { JwtVerifier } = await import("aws-jwt-verify");
    const { SimpleJwksCache } = await import("aws-jwt-verify/jwk");
    // The library's own fetcher only supports https.
    const fetcher = { fetch: async (uri) => (await fetch(uri)).arrayBuffer() };
    const settings = { issuer, audience, jwksUri: jwksUri ?? `${issuer}/.well-known/jwks.json` };
    const verifier = JwtVerifier.create(settings, { jwksCache: new SimpleJwksCache({ fetcher }) });
    if (jwks) {
      verifier.cacheJwks(jwks);
      return async (token) => verifier.verifySync(token);
    }
    return (token) => verifier.verify(token);
  }
  const { createLocalJWKSet, createRemoteJWKSet, jwtVerify } = await import("jose");
  const keys = jwks ? createLocalJWKSet(jwks) : createRemoteJWKSet(new URL(jwksUri));
  const options = { issuer, audience, requiredClaims: ["exp"] };
  return async (token) => (await jwtVerify(token, keys, options)).payload;
}
